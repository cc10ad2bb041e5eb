# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package gate.evidence.comparison_test

import data.gate.evidence.comparison
import data.lib.patch_test as patch

says := {"checks": comparison.checks, "warn": comparison.warn, "inconclusive": comparison.inconclusive}

passes := {"checks": {"EVID-004"}, "warn": set(), "inconclusive": set()}

early := {"look": {"number": 2, "of": 6, "final": false}}

undecided := {"outcome": "inconclusive", "reason": "too_variable"}

test_passing_evidence_passes if {
	says == passes with input as data.passing
	says == passes with input as data.passing with data.limits as patch.required
}

test_last_look_has_decided_whatever_it_says if {
	says == passes with input as patch.compared("memory_share", undecided)
}

test_all_held_or_one_failed_ends_it_early if {
	says == passes with input as patch.comparison(early)
	failed := {"signals": {"memory_share": undecided, "gc_cpu_per_byte": {"outcome": "fail"}}}
	says == passes with input as patch.comparison(object.union(early, failed))
}

test_undecided_before_the_last_look if {
	evidence := patch.comparison(object.union(early, {"signals": {"memory_share": undecided}}))
	said := says with input as evidence
	said.checks == set()
	said.warn == set()
	some finding in said.inconclusive
	finding == {
		"id": "EVID-004",
		"msg": "not compared",
		"severity": "medium",
		"signal": "comparison",
		"target": "",
		"value": 2,
		"limit": 6,
		"unit": "{look}",
		"facts": {"reason": "undecided"},
	}
}

test_nothing_compared_before_the_last_look_is_undecided if {
	nothing := object.remove(data.passing.comparison, {"signals", "look"})
	every signals in [{}, {"signals": {}}] {
		evidence := object.union(object.remove(data.passing, {"comparison"}), {"comparison": object.union(nothing, signals)})
		said := says with input as evidence
		said.checks == set()
		{[finding.facts.reason, finding.value, finding.limit] | some finding in said.inconclusive} == {["undecided", null, null]}
	}
}

test_no_baseline_warns_unless_required if {
	every evidence in array.concat(patch.uncompared, patch.nothing) {
		optional := says with input as evidence
		optional.checks == set()
		optional.inconclusive == set()
		{[finding.facts.reason, finding.facts.detail] | some finding in optional.warn} == {["no_baseline", ""]}
		needed := says with input as evidence with data.limits as patch.required
		needed.checks == set()
		needed.warn == set()
		{[finding.facts.reason, finding.facts.detail] | some finding in needed.inconclusive} == {["no_baseline", ""]}
	}
	says.checks == set()
}

test_reason_of_no_baseline_is_told if {
	evidence := patch.comparison({"baseline": {"kind": "none", "reason": "first release"}})
	{finding.facts.detail | some finding in says.warn} == {"first release"} with input as evidence
}

test_no_limit_never_passes if {
	said := says with input as data.passing with data.limits as {}
	said == object.union(passes, {"checks": set()})
}
