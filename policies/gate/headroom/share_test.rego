# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package gate.headroom.share_test

import data.gate.headroom.share
import data.lib.patch_test as patch

says := {"checks": share.checks, "deny": share.deny, "warn": share.warn, "inconclusive": share.inconclusive}

passes := {"checks": {"HEAD-002"}, "deny": set(), "warn": set(), "inconclusive": set()}

needed := object.union(data.limits, {"evidence": {"required": ["memory_share"]}})

test_passing_evidence_passes if {
	says == passes with input as data.passing
}

test_limit_itself_passes if {
	says == passes with input as patch.signal("memory_share", {"value": 0.95})
}

test_above_the_limit if {
	evidence := patch.signal("memory_share", {"value": 0.96})
	some finding in share.deny with input as evidence
	finding == {
		"id": "HEAD-002",
		"msg": "share of the memory limit in use above the limit",
		"severity": "high",
		"signal": "memory_share",
		"target": "10.0.0.1:6060",
		"value": 0.96,
		"limit": 0.95,
		"unit": "1",
		"facts": {"samples": 40, "expected_samples": 40, "coverage": 1, "age_seconds": 10},
	}
	says.checks == {"HEAD-002"} with input as evidence
}

test_absence_warns_unless_required if {
	every evidence in array.concat(patch.nothing, [
		patch.without("memory_share"),
		patch.signal("memory_share", {"value": null, "reason": "missing"}),
	]) {
		optional := says with input as evidence
		optional.checks == set()
		{finding.facts.reason | some finding in optional.warn} == {"missing"}
		optional.inconclusive == set()
		required := says with input as evidence with data.limits as needed
		required.checks == set()
		required.warn == set()
		{finding.facts.reason | some finding in required.inconclusive} == {"missing"}
	}
	says.checks == set()
}

test_unusable_is_inconclusive if {
	every reason, fields in {
		"stale": {"value": null, "reason": "stale"},
		"nan": {"value": null, "reason": "nan"},
		"malformed": {"value": -1},
	} {
		said := says with input as patch.signal("memory_share", fields)
		said.checks == set()
		said.deny == set()
		said.warn == set()
		{finding.facts.reason | some finding in said.inconclusive} == {reason}
	}
	reported := says with input as patch.signal("memory_share", {"value": 0.99, "reason": "missing"})
	reported.deny == set()
	{finding.facts.reason | some finding in reported.inconclusive} == {"malformed"}
}

test_no_limit_never_passes if {
	evidence := patch.signal("memory_share", {"value": 0.96})
	says == object.union(passes, {"checks": set()}) with input as evidence with data.limits as {}
}
