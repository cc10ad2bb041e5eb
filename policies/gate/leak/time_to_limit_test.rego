# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package gate.leak.time_to_limit_test

import data.gate.leak.time_to_limit
import data.lib.patch_test as patch

says := {
	"checks": time_to_limit.checks,
	"deny": time_to_limit.deny,
	"warn": time_to_limit.warn,
	"inconclusive": time_to_limit.inconclusive,
}

passes := {"checks": {"LEAK-001"}, "deny": set(), "warn": set(), "inconclusive": set()}

changed(fields) := object.union(data.passing, {"leak": fields})

leak(seconds) := changed({"state": "leak", "time_to_limit_seconds": seconds})

why(said) := {kind: reasons |
	some kind in ["deny", "warn", "inconclusive"]
	reasons := {object.get(finding.facts, "reason", "") | some finding in said[kind]}
	reasons != set()
}

test_passing_evidence_passes if {
	says == passes with input as data.passing
	says == passes with input as data.passing with data.limits as patch.required
}

test_leak_that_is_soon_at_the_limit if {
	every seconds in [0, 86399] {
		said := says with input as leak(seconds)
		said.checks == {"LEAK-001"}
		why(said) == {"deny": {""}}
	}
	some finding in time_to_limit.deny with input as leak(18000)
	finding == {
		"id": "LEAK-001",
		"msg": "time to the memory limit below the limit",
		"severity": "high",
		"signal": "leak",
		"target": "10.0.0.1:6060",
		"value": 18000,
		"limit": 86400,
		"unit": "s",
		"facts": {},
	}
}

test_leak_with_time_left_warns if {
	every seconds in [86400, 1000000] {
		said := says with input as leak(seconds)
		said.checks == {"LEAK-001"}
		why(said) == {"warn": {""}}
	}
}

test_no_leak_passes_whatever_time_it_names if {
	says == passes with input as changed({"state": "none", "time_to_limit_seconds": 1})
}

test_leak_without_a_time_is_malformed if {
	every seconds in [null, -1, "1"] {
		said := says with input as leak(seconds)
		said.checks == set()
		why(said) == {"inconclusive": {"malformed"}}
	}
}

test_unknown_warns_unless_required if {
	every reported, reason in {"too_short": "too_short", "": "missing", null: "missing"} {
		evidence := changed({"state": "unknown", "reason": reported})
		optional := says with input as evidence
		optional.checks == set()
		why(optional) == {"warn": {reason}}
		needed := says with input as evidence with data.limits as patch.required
		needed.checks == set()
		why(needed) == {"inconclusive": {reason}}
	}
}

test_no_state_is_unknown if {
	said := says with input as changed({"state": null, "reason": "too_short"})
	why(said) == {"warn": {"too_short"}}
}

test_what_is_broken_is_inconclusive if {
	every state in ["unknown", null] {
		said := says with input as changed({"state": state, "reason": "not_finite"})
		said.checks == set()
		why(said) == {"inconclusive": {"not_finite"}}
	}
}

test_no_evidence_never_passes if {
	absent := [object.remove(data.passing, {"leak"}), object.union(data.passing, {"leak": null})]
	every evidence in array.concat(patch.nothing, absent) {
		optional := says with input as evidence
		optional.checks == set()
		why(optional) == {"warn": {"missing"}}
		needed := says with input as evidence with data.limits as patch.required
		needed.checks == set()
		why(needed) == {"inconclusive": {"missing"}}
	}
	says.checks == set()
}

test_no_limit_never_passes if {
	said := says with input as leak(1) with data.limits as {}
	said == object.union(passes, {"checks": set()})
}
