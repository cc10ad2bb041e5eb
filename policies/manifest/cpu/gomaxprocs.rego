# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: GOMAXPROCS is no number of processors
# description: |
#   GOMAXPROCS is a whole number above zero. The runtime passes over anything else without a word: 500m, 0 or 1.5. As a resourceFieldRef it
#   is the CPU rounded up in units of the divisor: with the divisor 1m a limit of 500m becomes 500 processors, and a request that is not
#   there becomes 0.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-010
#   severity: medium
#   signal: gomaxprocs
#   failure_msg: GOMAXPROCS that the Go runtime passes over or that is no number of processors
#   collections: [recommended, strict]
#   solution: |
#     Write a whole number, take limits.cpu with the divisor 1, or leave it out: since Go 1.25 the runtime follows the CPU limit.
#   avoid: |
#     ```yaml
#     env: [{name: GOMAXPROCS, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1m}}}]
#     ```
#   prefer: |
#     ```yaml
#     env: [{name: GOMAXPROCS, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: "1"}}}]
#     ```
#   exceptions: |
#     None.
package manifest.cpu.gomaxprocs

import data.lib.environment
import data.lib.result
import data.lib.runtime
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

checks contains "GOMEM-010" if judgeable

value(one) := environment.value(input, one, "GOMAXPROCS")

warn contains result.finding(chain, {"target": workload.name(one), "facts": {"text": value(one).text}}) if {
	some one in judged
	value(one).text != ""
	not runtime.gomaxprocs(value(one).text)
}

warn contains result.finding(chain, {"target": workload.name(one), "facts": {"text": value(one).text, "divisor": source.divisor}}) if {
	some one in judged
	source := workload.variable(one, "GOMAXPROCS").valueFrom.resourceFieldRef
	environment.divisor(source) < 1
}

warn contains result.finding(chain, {
	"severity": "info",
	"target": workload.name(one),
	"facts": {"reason": "missing", "detail": value(one).unknown},
}) if {
	some one in judged
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable
