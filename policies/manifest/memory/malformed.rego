# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: GOMEMLIMIT is malformed
# description: |
#   The runtime reads GOMEMLIMIT before anything else of the program, as whole bytes with an optional unit B, KiB, MiB, GiB or TiB, or
#   off. It ends the process at anything else with "malformed GOMEMLIMIT", and the pod crashes in a loop. Mi and M are units of
#   Kubernetes and not of Go.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-001
#   severity: high
#   signal: gomemlimit
#   failure_msg: GOMEMLIMIT that the Go runtime refuses
#   collections: [minimal, recommended, strict]
#   solution: |
#     Write the value in the units of Go: 460MiB, 2GiB, or plain bytes.
#   avoid: |
#     ```yaml
#     env: [{name: GOMEMLIMIT, value: 512Mi}]
#     ```
#   prefer: |
#     ```yaml
#     env: [{name: GOMEMLIMIT, value: 460MiB}]
#     ```
#   exceptions: |
#     None: no version of Go since 1.19 starts with such a value. A container whose program is not Go ignores the variable; remove it
#     there.
package manifest.memory.malformed

import data.lib.environment
import data.lib.quantity
import data.lib.result
import data.lib.runtime
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

checks contains "GOMEM-001" if {
	judgeable
	every one in judged {
		value(one).text
	}
}

value(one) := environment.value(input, one, "GOMEMLIMIT")

deny contains result.finding(chain, {"target": workload.name(one), "facts": {"text": value(one).text}}) if {
	some one in judged
	not runtime.unlimited(value(one).text)
	not quantity.go(value(one).text)
}

inconclusive contains result.finding(chain, {
	"target": workload.name(one),
	"facts": {"reason": "missing", "detail": value(one).unknown},
}) if {
	some one in judged
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if {
	not judgeable
	not input.spec.workloadRef
}

# The pod of such a Rollout is that of another object, which is judged by itself.
inconclusive contains result.finding(chain, {"facts": {"reason": "missing", "detail": "the pod is that of spec.workloadRef"}}) if {
	not judgeable
	input.spec.workloadRef
}
