# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package gate.gc.limit_pressure_test

import data.gate.gc.limit_pressure
import data.lib.patch_test as patch

says := {"checks": limit_pressure.checks, "warn": limit_pressure.warn, "inconclusive": limit_pressure.inconclusive}

passes := {"checks": {"GC-003"}, "warn": set(), "inconclusive": set()}

test_passing_evidence_passes if {
	says == passes with input as data.passing
}

test_limit_itself_passes if {
	says == passes with input as patch.signal("limit_pressure", {"value": 0.5})
}

test_above_the_limit if {
	evidence := patch.signal("limit_pressure", {"value": 0.6, "detail": "two targets"})
	some finding in limit_pressure.warn with input as evidence
	finding == {
		"id": "GC-003",
		"msg": "share of cycles under limit pressure above the limit",
		"severity": "medium",
		"signal": "limit_pressure",
		"target": "10.0.0.1:6060",
		"value": 0.6,
		"limit": 0.5,
		"unit": "1",
		"facts": {"samples": 40, "expected_samples": 40, "coverage": 1, "age_seconds": 10, "detail": "two targets"},
	}
}

test_absence_is_inconclusive_with_its_reason if {
	evidence := patch.signal("limit_pressure", {"value": null, "reason": "gap"})
	says.checks == set() with input as evidence
	some finding in says.inconclusive with input as evidence
	finding.facts.reason == "gap"
	finding.value == null
	finding.limit == 0.5
}

test_value_against_which_something_speaks_is_malformed if {
	every fields in [{"reason": "stale"}, {"value": null}, {"value": "9"}, {"value": -1}] {
		evidence := patch.signal("limit_pressure", object.union({"value": 0.6}, fields))
		said := says with input as evidence
		said.checks == set()
		said.warn == set()
		{finding.facts.reason | some finding in said.inconclusive} == {"malformed"}
	}
}

test_no_evidence_never_passes if {
	every evidence in array.concat(patch.nothing, [patch.without("limit_pressure")]) {
		said := says with input as evidence
		said.checks == set()
		{finding.facts.reason | some finding in said.inconclusive} == {"missing"}
	}
	says.checks == set()
	count(says.inconclusive) == 1
}

test_no_limit_never_passes if {
	evidence := patch.signal("limit_pressure", {"value": 0.6})
	says == object.union(passes, {"checks": set()}) with input as evidence with data.limits as {}
}
