# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: GOGC is malformed
# description: |
#   GOGC is a whole number of per cent, without the sign, or off. The runtime passes over anything else without a word and takes 100.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-007
#   severity: medium
#   signal: gogc
#   failure_msg: GOGC that the Go runtime passes over
#   collections: [recommended, strict]
#   solution: |
#     Write a whole number such as 50, or off.
#   avoid: |
#     ```yaml
#     env: [{name: GOGC, value: "50%"}]
#     ```
#   prefer: |
#     ```yaml
#     env: [{name: GOGC, value: "50"}]
#     ```
#   exceptions: |
#     None: the value has no effect.
package manifest.gc.gogc

import data.lib.environment
import data.lib.result
import data.lib.runtime
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

checks contains "GOMEM-007" if judgeable

value(one) := environment.value(input, one, "GOGC")

warn contains result.finding(chain, {"target": workload.name(one), "facts": {"text": value(one).text}}) if {
	some one in judged
	value(one).text != ""
	not runtime.gogc(value(one).text)
}

warn contains result.finding(chain, {
	"severity": "info",
	"target": workload.name(one),
	"facts": {"reason": "missing", "detail": value(one).unknown},
}) if {
	some one in judged
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable
