# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.memory.unbounded_test

import data.lib.object_test as made
import data.manifest.memory.unbounded

says := {"checks": unbounded.checks, "deny": unbounded.deny, "inconclusive": unbounded.inconclusive}

passes := {"checks": {"GOMEM-005"}, "deny": set(), "inconclusive": set()}

test_bounded_or_on_passes if {
	every variables in [
		{"GOGC": "off", "GOMEMLIMIT": "460MiB"}, {"GOGC": "50"}, {"GOGC": "0"}, {"GOGC": "x"}, {}, {"GOGC": "off", "AUTOMEMLIMIT": "0.9"},
		{"GOGC": "off", "GOMEMLIMIT": "460Mi"},
	] {
		says == passes with input as made.with_variables(variables)
	}
	says == passes with input as made.with_container({"env": [], "envFrom": [{"configMapRef": {"name": "x"}}]})
}

test_off_without_a_limit_is_denied if {
	some finding in unbounded.deny with input as made.with_variables({"GOGC": "off"})
	finding == {
		"id": "GOMEM-005",
		"msg": "GOGC=off without GOMEMLIMIT",
		"severity": "high",
		"signal": "gogc",
		"target": "shop",
		"value": null,
		"limit": null,
		"unit": "",
		"facts": {"text": "off"},
	}
	every variables in [{"GOGC": "off"}, {"GOGC": "-1"}, {"GOGC": "-100"}, {"GOGC": "off", "GOMEMLIMIT": "off"}, {"GOGC": "off", "GOMEMLIMIT": ""}] {
		said := says with input as made.with_variables(variables)
		count(said.deny) == 1
		object.union(said, {"deny": set()}) == passes
	}
}

test_values_that_are_not_here_are_inconclusive if {
	elsewhere := {"configMapKeyRef": {"name": "x", "key": "y"}}
	off := {"name": "GOGC", "value": "off"}
	every fields, detail in {
		{"env": [{"name": "GOGC", "valueFrom": elsewhere}]}: "its value is not in the manifest",
		{"env": [off, {"name": "GOMEMLIMIT", "valueFrom": elsewhere}]}: "its value is not in the manifest",
		{"env": [off], "envFrom": [{"configMapRef": {"name": "x"}}]}: "envFrom may set it",
	} {
		said := says with input as made.with_container(fields)
		{[finding.target, finding.facts] | some finding in said.inconclusive} == {["shop", {"reason": "missing", "detail": detail}]}
		said.checks == set()
		said.deny == set()
	}
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
