# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The garbage collector is off without a memory limit
# description: |
#   GOGC=off leaves collecting to GOMEMLIMIT. Without one nothing is ever collected, and the process grows until the kernel ends it. Any
#   negative GOGC is off too.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-005
#   severity: high
#   signal: gogc
#   failure_msg: GOGC=off without GOMEMLIMIT
#   collections: [minimal, recommended, strict]
#   solution: |
#     Set GOMEMLIMIT beside GOGC=off, or GOGC to a percentage.
#   avoid: |
#     ```yaml
#     env: [{name: GOGC, value: "off"}]
#     ```
#   prefer: |
#     ```yaml
#     env: [{name: GOGC, value: "off"}, {name: GOMEMLIMIT, value: 460MiB}]
#     ```
#   exceptions: |
#     A program that ends before it fills its memory, such as a compiler: set the rule's mode to dryrun.
package manifest.memory.unbounded

import data.lib.environment
import data.lib.result
import data.lib.runtime
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

checks contains "GOMEM-005" if {
	judgeable
	every one in judged {
		not unknown(one)
	}
}

gogc(one) := environment.value(input, one, "GOGC")

limit(one) := environment.value(input, one, "GOMEMLIMIT")

off(one) if runtime.gogc(gogc(one).text) == -1

deny contains result.finding(chain, {"target": workload.name(one), "facts": {"text": gogc(one).text}}) if {
	some one in judged
	off(one)
	unbounded(one)
}

unbounded(one) if {
	runtime.unlimited(limit(one).text)
	not limit(one).hidden
	not environment.automemlimit(input, one)
}

unknown(one) := gogc(one).unknown

unknown(one) := detail if {
	off(one)
	some key in ["unknown", "hidden"]
	detail := limit(one)[key]
}

inconclusive contains result.finding(chain, {
	"target": workload.name(one),
	"facts": {"reason": "missing", "detail": unknown(one)},
}) if {
	some one in judged
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable
