# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package gate.heap.live_share_test

import data.gate.heap.live_share
import data.lib.patch_test as patch

says := {"checks": live_share.checks, "deny": live_share.deny, "inconclusive": live_share.inconclusive}

passes := {"checks": {"HEAP-001"}, "deny": set(), "inconclusive": set()}

why(said) := {[finding.signal, finding.facts.reason] | some finding in said.inconclusive}

test_passing_evidence_passes if {
	says == passes with input as data.passing
}

test_limit_itself_passes if {
	says == passes with input as patch.signal("heap_live_bytes", {"value": 450000000})
}

test_above_the_limit if {
	evidence := patch.signal("heap_live_bytes", {"value": 475000000})
	some finding in live_share.deny with input as evidence
	finding == {
		"id": "HEAP-001",
		"msg": "live heap share of the memory limit above the limit",
		"severity": "high",
		"signal": "heap_live_bytes",
		"target": "10.0.0.2:6060",
		"value": 0.95,
		"limit": 0.9,
		"unit": "1",
		"facts": {
			"samples": 40,
			"expected_samples": 40,
			"coverage": 1,
			"age_seconds": 10,
			"heap_live_bytes": 475000000,
			"memory_limit_bytes": 500000000,
		},
	}
	says.checks == {"HEAP-001"} with input as evidence
}

test_no_known_memory_limit_is_inconclusive if {
	said := says with input as patch.signal("memory_limit_bytes", {"value": null, "reason": "missing"})
	said.checks == set()
	why(said) == {["memory_limit_bytes", "missing"]}
}

test_zero_is_no_memory_limit if {
	said := says with input as patch.signal("memory_limit_bytes", {"value": 0})
	said.checks == set()
	why(said) == {["memory_limit_bytes", "malformed"]}
}

test_memory_limit_with_a_reason_is_malformed if {
	said := says with input as patch.signal("memory_limit_bytes", {"reason": "stale"})
	said.checks == set()
	why(said) == {["memory_limit_bytes", "malformed"]}
}

test_no_live_heap_is_inconclusive if {
	said := says with input as patch.signal("heap_live_bytes", {"value": null, "reason": "nan"})
	said.checks == set()
	why(said) == {["heap_live_bytes", "nan"]}
}

test_live_heap_with_a_reason_is_malformed if {
	said := says with input as patch.signal("heap_live_bytes", {"reason": "partial"})
	said.checks == set()
	why(said) == {["heap_live_bytes", "malformed"]}
}

test_no_evidence_never_passes if {
	every evidence in patch.nothing {
		said := says with input as evidence
		said.checks == set()
		why(said) == {["heap_live_bytes", "missing"], ["memory_limit_bytes", "missing"]}
	}
	says.checks == set()
	count(says.inconclusive) == 2
}

test_no_limit_never_passes if {
	evidence := patch.signal("heap_live_bytes", {"value": 475000000})
	says == object.union(passes, {"checks": set()}) with input as evidence with data.limits as {}
}
