# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: An autoscaler looks at memory that GOMEMLIMIT fills
# description: |
#   A Go process uses what GOMEMLIMIT allows, whatever its load is. With a GOMEMLIMIT above 85 % of the memory limit a HorizontalPodAutoscaler
#   or a ScaledObject on memory always scales up, or never. A VerticalPodAutoscaler moves the limit, and a GOMEMLIMIT that is written down
#   stays where it is.
#
#   The autoscalers come as `related` beside the object. Without them the rule says, as an info, that nobody looked; it says nothing of a
#   candidate, which the hook judges alone.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-019
#   severity: low
#   signal: autoscaler
#   failure_msg: autoscaler on memory beside GOMEMLIMIT
#   collections: [strict]
#   solution: |
#     Scale on CPU or on requests. With a VerticalPodAutoscaler take GOMEMLIMIT from a share of the limit (automemlimit), or let it control CPU
#     only.
#   avoid: |
#     ```yaml
#     kind: HorizontalPodAutoscaler
#     spec:
#       scaleTargetRef: {kind: Deployment, name: shop}
#       metrics: [{type: Resource, resource: {name: memory, target: {type: Utilization, averageUtilization: 80}}}]
#     ```
#   prefer: |
#     ```yaml
#     kind: HorizontalPodAutoscaler
#     spec:
#       scaleTargetRef: {kind: Deployment, name: shop}
#       metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
#     ```
#   exceptions: |
#     A VerticalPodAutoscaler that only recommends (updateMode Off) is no finding.
package manifest.memory.autoscaler

import data.lib.environment
import data.lib.exposure
import data.lib.quantity
import data.lib.result
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

checks contains "GOMEM-019" if judgeable

# full is a container whose process may fill its memory.
full(one) if {
	bytes := quantity.go(environment.value(input, one, "GOMEMLIMIT").text)
	bytes > quantity.kubernetes(workload.limit(input, one, "memory")) * 0.85
}

warn contains result.finding(chain, {
	"target": workload.name(one),
	"facts": {"by": other.kind, "name": other.metadata.name},
}) if {
	some one in judged
	full(one)
	some other in input.related
	exposure.neighbours(input, other)
	scales(other)
}

warn contains result.finding(chain, {
	"severity": "info",
	"target": workload.name(one),
	"facts": {"reason": "missing", "detail": "autoscalers were not given"},
}) if {
	some one in judged
	full(one)
	not input.related
	not workload.candidate(input)
}

scales(other) if {
	other.kind == "HorizontalPodAutoscaler"
	refers(other.spec.scaleTargetRef)
	some metric in other.spec.metrics
	some part in ["resource", "containerResource"]
	metric[part].name == "memory"
}

scales(other) if {
	other.kind == "ScaledObject"
	refers(object.union({"kind": "Deployment"}, other.spec.scaleTargetRef))
	some trigger in other.spec.triggers
	trigger.type == "memory"
}

# A VerticalPodAutoscaler controls both resources unless a policy names them.
scales(other) if {
	other.kind == "VerticalPodAutoscaler"
	refers(other.spec.targetRef)
	object.get(other.spec, ["updatePolicy", "updateMode"], "Auto") != "Off"
	not cpu_only(other)
}

cpu_only(other) if {
	some policy in other.spec.resourcePolicy.containerPolicies
	policy.controlledResources == ["cpu"]
}

refers(target) if {
	target.kind == input.kind
	target.name == input.metadata.name
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable
