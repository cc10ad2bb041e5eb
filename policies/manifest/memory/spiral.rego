# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The live heap may fill GOMEMLIMIT while the collector is off
# description: |
#   With GOGC=off a collection starts only near GOMEMLIMIT. If the live heap is allowed more than four fifths of it, there is always a
#   collection running: a death spiral. The annotation heapgate.dev/live-heap-slo says how large the live heap may become, in the units of
#   Go or of Kubernetes; what it really is the gate measures.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-006
#   severity: medium
#   signal: live_heap_slo
#   failure_msg: live heap close to GOMEMLIMIT with GOGC=off
#   collections: [recommended, strict]
#   solution: |
#     Raise GOMEMLIMIT and the memory limit, lower the live heap, or set GOGC to a percentage.
#   avoid: |
#     ```yaml
#     metadata: {annotations: {heapgate.dev/live-heap-slo: 450MiB}}
#     env: [{name: GOGC, value: "off"}, {name: GOMEMLIMIT, value: 460MiB}]
#     ```
#   prefer: |
#     ```yaml
#     metadata: {annotations: {heapgate.dev/live-heap-slo: 300MiB}}
#     env: [{name: GOGC, value: "off"}, {name: GOMEMLIMIT, value: 460MiB}]
#     ```
#   exceptions: |
#     None. Without the annotation the rule says what it does not know, as an info.
package manifest.memory.spiral

import data.lib.environment
import data.lib.quantity
import data.lib.result
import data.lib.runtime
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

checks contains "GOMEM-006" if judgeable

bytes(one) := limit if {
	runtime.gogc(environment.value(input, one, "GOGC").text) == -1
	limit := quantity.go(environment.value(input, one, "GOMEMLIMIT").text)
}

annotated := workload.annotation(input, "heapgate.dev/live-heap-slo")

slo := size if {
	size := quantity.go(annotated)
} else := size if {
	size := quantity.kubernetes(annotated)
}

warn contains result.finding(chain, {
	"target": workload.name(one),
	"value": slo,
	"limit": bytes(one) * 0.8,
	"unit": "By",
	"facts": {"gomemlimit_bytes": bytes(one)},
}) if {
	some one in judged
	slo > bytes(one) * 0.8
}

warn contains result.finding(chain, {
	"severity": "info",
	"target": workload.name(one),
	"unit": "By",
	"facts": {"reason": reason, "detail": "heapgate.dev/live-heap-slo"},
}) if {
	some one in judged
	is_number(bytes(one))
	not slo
}

reason := "missing" if {
	annotated == ""
} else := "malformed"

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable
