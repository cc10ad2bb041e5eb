# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.memory.malformed_test

import data.lib.object_test as made
import data.manifest.memory.malformed

says := {"checks": malformed.checks, "deny": malformed.deny, "inconclusive": malformed.inconclusive}

passes := {"checks": {"GOMEM-001"}, "deny": set(), "inconclusive": set()}

test_what_the_runtime_takes_passes if {
	every text in ["", "off", "460MiB", "0", "536870912"] {
		says == passes with input as made.with_variables({"GOMEMLIMIT": text})
	}
	says == passes with input as data.deployment
	says == passes with input as made.without("env")
	says == passes with input as made.with_env({"valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}})
	says == passes with input as made.with_container({"env": [], "envFrom": [{"configMapRef": {"name": "x"}}]})
}

test_what_it_refuses_is_denied if {
	every text in ["512Mi", "512M", "512MB", "0.5GiB", "512mib", " 512MiB", "OFF", "-1"] {
		said := says with input as made.with_variables({"GOMEMLIMIT": text})
		{finding.facts.text | some finding in said.deny} == {text}
		object.union(said, {"deny": set()}) == passes
	}
	some finding in malformed.deny with input as made.with_variables({"GOMEMLIMIT": "512Mi"})
	finding == {
		"id": "GOMEM-001",
		"msg": "GOMEMLIMIT that the Go runtime refuses",
		"severity": "high",
		"signal": "gomemlimit",
		"target": "shop",
		"value": null,
		"limit": null,
		"unit": "",
		"facts": {"text": "512Mi"},
	}
}

test_values_that_are_not_here_are_inconclusive if {
	every fields in [{"valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}}, {"value": "$(LIMIT)"}, {"value": 512}] {
		said := says with input as made.with_env(fields)
		{[finding.target, finding.facts.reason] | some finding in said.inconclusive} == {["shop", "missing"]}
		count(said.deny) == 0
		said.checks == set()
	}
}

test_a_pod_of_another_object_is_named if {
	facts := {finding.facts | some finding in malformed.inconclusive} with input as {"kind": "Rollout", "spec": {"workloadRef": {"name": "shop"}}}
	facts == {{"reason": "missing", "detail": "the pod is that of spec.workloadRef"}}
	others := {finding.facts | some finding in malformed.inconclusive} with input as {"kind": "Rollout", "spec": {}}
	others == {{"reason": "missing"}}
	says == passes with input as object.union(data.deployment, {"spec": {"workloadRef": {"name": "shop"}}})
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
