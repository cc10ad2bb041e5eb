# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package gate.alloc.regression_test

import data.gate.alloc.regression
import data.lib.patch_test as patch

says := {"checks": regression.checks, "deny": regression.deny, "warn": regression.warn, "inconclusive": regression.inconclusive}

passes := {"checks": {"ALLOC-001"}, "deny": set(), "warn": set(), "inconclusive": set()}

changed(fields) := patch.compared("allocation_rate_bytes_per_second", fields)

worse := {"outcome": "fail", "ratio": 1.23, "lower": 1.18, "upper": 1.28}

why(said) := {kind: reasons |
	some kind in ["deny", "warn", "inconclusive"]
	reasons := {object.get(finding.facts, "reason", "") | some finding in said[kind]}
	reasons != set()
}

test_passing_evidence_passes if {
	says == passes with input as data.passing
	says == passes with input as data.passing with data.limits as patch.required
}

test_regression_fails_and_names_the_site if {
	site := {"function": "shop/cart.(*Index).Put", "file": "cart/index.go", "line": 42, "class": "map_grow", "difference": 1200000}
	evidence := object.union(changed(worse), {"comparison": {"sites": [site]}})
	said := says with input as evidence
	said.checks == {"ALLOC-001"}
	why(said) == {"deny": {""}}
	some finding in said.deny
	finding == {
		"id": "ALLOC-001",
		"msg": "allocation rate above that of the baseline",
		"severity": "high",
		"signal": "allocation_rate_bytes_per_second",
		"target": "",
		"value": 1.23,
		"limit": 1.1,
		"unit": "1",
		"facts": {
			"ratio": 1.23,
			"lower": 1.18,
			"upper": 1.28,
			"pass_margin": 1.02,
			"baseline": 5000000,
			"candidate": 5050000,
			"unit": "By/s",
			"pods_baseline": 3,
			"pods_candidate": 3,
			"points_baseline": 120,
			"points_candidate": 120,
			"adjusted": true,
			"baseline_kind": "previous",
			"baseline_version": "older",
			"baseline_image_digest": "sha256:4567",
			"sites": [site],
		},
	}
}

test_undecided_warns_unless_required if {
	evidence := changed({"outcome": "inconclusive", "reason": "too_variable", "upper": 1.2})
	optional := says with input as evidence
	optional.checks == set()
	why(optional) == {"warn": {"too_variable"}}
	needed := says with input as evidence with data.limits as patch.required
	needed.checks == set()
	why(needed) == {"inconclusive": {"too_variable"}}
}

test_no_baseline_warns_unless_required if {
	every evidence in patch.uncompared {
		optional := says with input as evidence
		optional.checks == set()
		why(optional) == {"warn": {"no_baseline"}}
		needed := says with input as evidence with data.limits as patch.required
		needed.checks == set()
		why(needed) == {"inconclusive": {"no_baseline"}}
	}
}

test_other_signals_do_not_speak_for_this_one if {
	signals := object.remove(data.passing.comparison.signals, {"allocation_rate_bytes_per_second"})
	evidence := object.union(object.remove(data.passing, {"comparison"}), {"comparison": object.union(
		object.remove(data.passing.comparison, {"signals"}),
		{"signals": signals},
	)})
	said := says with input as evidence
	said.checks == set()
	why(said) == {"warn": {"missing"}}
}

test_contradiction_is_inconclusive_whether_required_or_not if {
	every fields in [{"upper": 1.1}, {"outcome": "fail", "lower": null}, {"ratio": null}, {"outcome": "good"}] {
		said := says with input as changed(fields)
		said.checks == set()
		why(said) == {"inconclusive": {"malformed"}}
	}
}

test_no_evidence_never_passes if {
	every evidence in patch.nothing {
		said := says with input as evidence
		said.checks == set()
		why(said) == {"warn": {"no_baseline"}}
		needed := says with input as evidence with data.limits as patch.required
		needed.checks == set()
		why(needed) == {"inconclusive": {"no_baseline"}}
	}
	says.checks == set()
}

test_no_limit_never_passes if {
	said := says with data.limits as {} with input as changed(worse)
	said == object.union(passes, {"checks": set()})
	without := object.union(object.remove(data.limits, {"comparison"}), {"comparison": {"required": false}})
	here := says with data.limits as without with input as data.passing
	here.checks == set()
}
