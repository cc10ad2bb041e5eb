# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package gate.gc.cpu_share_test

import data.gate.gc.cpu_share
import data.lib.patch_test as patch

says := {"checks": cpu_share.checks, "deny": cpu_share.deny, "inconclusive": cpu_share.inconclusive}

passes := {"checks": {"GC-001"}, "deny": set(), "inconclusive": set()}

test_passing_evidence_passes if {
	says == passes with input as data.passing
}

test_limit_itself_passes if {
	says == passes with input as patch.signal("gc_cpu_share", {"value": 0.25})
}

test_above_the_limit if {
	evidence := patch.signal("gc_cpu_share", {"value": 0.26, "detail": "two targets"})
	some finding in cpu_share.deny with input as evidence
	finding == {
		"id": "GC-001",
		"msg": "gc cpu share above the limit",
		"severity": "high",
		"signal": "gc_cpu_share",
		"target": "10.0.0.1:6060",
		"value": 0.26,
		"limit": 0.25,
		"unit": "1",
		"facts": {"samples": 40, "expected_samples": 40, "coverage": 1, "age_seconds": 10, "detail": "two targets"},
	}
}

test_absence_is_inconclusive_with_its_reason if {
	evidence := patch.signal("gc_cpu_share", {"value": null, "reason": "gap"})
	says.checks == set() with input as evidence
	some finding in says.inconclusive with input as evidence
	finding.facts.reason == "gap"
	finding.value == null
	finding.limit == 0.25
}

test_value_against_which_something_speaks_is_malformed if {
	every fields in [{"reason": "stale"}, {"value": null}, {"value": "9"}, {"value": -1}] {
		evidence := patch.signal("gc_cpu_share", object.union({"value": 0.26}, fields))
		said := says with input as evidence
		said.checks == set()
		said.deny == set()
		{finding.facts.reason | some finding in said.inconclusive} == {"malformed"}
	}
}

test_no_evidence_never_passes if {
	every evidence in array.concat(patch.nothing, [patch.without("gc_cpu_share")]) {
		said := says with input as evidence
		said.checks == set()
		{finding.facts.reason | some finding in said.inconclusive} == {"missing"}
	}
	says.checks == set()
	count(says.inconclusive) == 1
}

test_no_limit_never_passes if {
	evidence := patch.signal("gc_cpu_share", {"value": 0.26})
	says == object.union(passes, {"checks": set()}) with input as evidence with data.limits as {}
}
