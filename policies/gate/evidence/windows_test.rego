# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package gate.evidence.windows_test

import data.gate.evidence.windows
import data.lib.patch_test as patch

says := {"checks": windows.checks, "inconclusive": windows.inconclusive}

passes := {"checks": {"EVID-003"}, "inconclusive": set()}

test_passing_evidence_passes if {
	says == passes with input as data.passing
}

test_just_enough_passes if {
	says == passes with input as patch.signal("windows", {"value": 3})
}

test_too_few if {
	said := says with input as patch.signal("windows", {"value": 2})
	said.checks == {"EVID-003"}
	said.inconclusive == {{
		"id": "EVID-003",
		"msg": "windows below the minimum",
		"severity": "medium",
		"signal": "windows",
		"target": "10.0.0.1:6060",
		"value": 2,
		"limit": 3,
		"unit": "{window}",
		"facts": {"samples": 40, "expected_samples": 40, "coverage": 1, "age_seconds": 10, "reason": "too_few"},
	}}
}

test_unknown_number_is_inconclusive if {
	said := says with input as patch.signal("windows", {"value": null, "reason": "stale"})
	said.checks == set()
	[finding.facts.reason | some finding in said.inconclusive] == ["stale"]
}

test_no_evidence_never_passes if {
	every evidence in patch.nothing {
		said := says with input as evidence
		said.checks == set()
		[finding.facts.reason | some finding in said.inconclusive] == ["missing"]
	}
	windows.checks == set()
	count(windows.inconclusive) == 1
}

test_no_limit_never_passes if {
	says == object.union(passes, {"checks": set()}) with input as patch.signal("windows", {"value": 2}) with data.limits as {}
}
