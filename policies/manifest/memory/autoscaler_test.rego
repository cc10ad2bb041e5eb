# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.memory.autoscaler_test

import data.lib.object_test as made
import data.manifest.memory.autoscaler

says := {"checks": autoscaler.checks, "warn": autoscaler.warn, "inconclusive": autoscaler.inconclusive}

passes := {"checks": {"GOMEM-019"}, "warn": set(), "inconclusive": set()}

target := {"kind": "Deployment", "name": "shop"}

other(kind, spec) := {"kind": kind, "metadata": {"name": "scaler", "namespace": "shop"}, "spec": spec}

horizontal(metrics) := other("HorizontalPodAutoscaler", {"scaleTargetRef": target, "metrics": metrics})

memory := {"type": "Resource", "resource": {"name": "memory"}}

test_none_on_memory_passes if {
	says == passes with input as data.deployment
	every scaler in [
		horizontal([{"type": "Resource", "resource": {"name": "cpu"}}]),
		horizontal([{"type": "Object", "describedObject": {"name": "memory"}}]),
		other("HorizontalPodAutoscaler", {"scaleTargetRef": {"kind": "Deployment", "name": "cart"}, "metrics": [memory]}),
		other("HorizontalPodAutoscaler", {"scaleTargetRef": {"kind": "StatefulSet", "name": "shop"}, "metrics": [memory]}),
		object.union(horizontal([memory]), {"metadata": {"namespace": "cart"}}),
		object.union(horizontal([memory]), {"kind": "Scaler"}),
		other("ScaledObject", {"scaleTargetRef": {"name": "shop"}, "triggers": [{"type": "cpu"}]}),
		other("ScaledObject", {"scaleTargetRef": {"name": "cart"}, "triggers": [{"type": "memory"}]}),
		other("Scaler", {"scaleTargetRef": {"name": "shop"}, "triggers": [{"type": "memory"}]}),
		other("VerticalPodAutoscaler", {"targetRef": target, "updatePolicy": {"updateMode": "Off"}}),
		other("VerticalPodAutoscaler", {"targetRef": {"kind": "Deployment", "name": "cart"}}),
		other("VerticalPodAutoscaler", {"targetRef": target, "resourcePolicy": {"containerPolicies": [{"controlledResources": ["cpu"]}]}}),
		other("Scaler", {"targetRef": target}),
	] {
		says == passes with input as made.with_related([scaler])
	}
}

test_with_room_passes if {
	says == passes with input as object.union(made.with_variables({"GOMEMLIMIT": "400MiB"}), {"related": [horizontal([memory])]})
	says == passes with input as made.alone(made.with_variables({"GOMEMLIMIT": "400MiB"}))
	says == passes with input as made.candidate(made.alone(made.with_variables({"GOMEMLIMIT": "460MiB"})))
}

test_on_memory_is_a_warning if {
	every scaler in [
		horizontal([memory]),
		horizontal([{"type": "ContainerResource", "containerResource": {"name": "memory", "container": "shop"}}]),
		other("ScaledObject", {"scaleTargetRef": {"name": "shop"}, "triggers": [{"type": "memory"}]}),
		other("VerticalPodAutoscaler", {"targetRef": target}),
		other("VerticalPodAutoscaler", {"targetRef": target, "resourcePolicy": {"containerPolicies": [{"controlledResources": ["cpu", "memory"]}]}}),
	] {
		says == object.union(passes, {"warn": {{
			"id": "GOMEM-019",
			"msg": "autoscaler on memory beside GOMEMLIMIT",
			"severity": "low",
			"signal": "autoscaler",
			"target": "shop",
			"value": null,
			"limit": null,
			"unit": "",
			"facts": {"by": scaler.kind, "name": "scaler"},
		}}}) with input as made.with_related([scaler])
	}
}

test_that_nobody_looked_is_said if {
	said := says with input as made.alone(data.deployment)
	{[finding.severity, finding.target, finding.facts.reason] | some finding in said.warn} == {["info", "shop", "missing"]}
	object.union(said, {"warn": set()}) == passes
}

test_nothing_never_passes if {
	every manifest in made.nothing {
		said := says with input as manifest
		{finding.facts.reason | some finding in said.inconclusive} == {"missing"}
		object.union(said, {"inconclusive": set()}) == object.union(passes, {"checks": set()})
	}
	says.checks == set()
	count(says.inconclusive) == 1
}
