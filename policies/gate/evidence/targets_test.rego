# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package gate.evidence.targets_test

import data.gate.evidence.targets
import data.lib.patch_test as patch

says := {"checks": targets.checks, "inconclusive": targets.inconclusive}

seen(counts) := object.union(data.passing, {"targets": counts})

about := {finding.signal | some finding in targets.inconclusive}

test_passing_evidence_passes if {
	says == {"checks": {"EVID-002"}, "inconclusive": set()} with input as data.passing
}

test_one_target_is_enough if {
	says == {"checks": {"EVID-002"}, "inconclusive": set()} with input as seen({"seen": 1, "up": 1})
}

test_no_target_seen if {
	some finding in targets.inconclusive with input as seen({"seen": 0, "up": 0})
	finding == {
		"id": "EVID-002",
		"msg": "targets missing or down",
		"severity": "medium",
		"signal": "targets",
		"target": "",
		"value": 0,
		"limit": 1,
		"unit": "{target}",
		"facts": {"reason": "missing"},
	}
}

test_one_target_down if {
	said := says with input as seen({"seen": 3, "up": 2})
	said.checks == {"EVID-002"}
	some finding in said.inconclusive
	finding.facts.reason == "partial"
	finding.value == 2
	finding.limit == 3
	finding.unit == "{target}"
	count(said.inconclusive) == 1
}

test_more_up_than_seen_is_no_better if {
	about == {"targets"} with input as seen({"seen": 2, "up": 3})
}

test_text_is_no_count if {
	said := says with input as seen({"seen": "2", "up": "2"})
	said.checks == set()
	count(said.inconclusive) == 1
}

test_workload_must_have_a_name if {
	every name in ["", "  "] {
		some finding in targets.inconclusive with input as object.union(data.passing, {"workload": {"name": name}})
		finding.signal == "workload.name"
		finding.facts == {"reason": "missing"}
	}
}

test_no_evidence_never_passes if {
	every evidence in patch.nothing {
		said := says with input as evidence
		said.checks == set()
		count(said.inconclusive) == 3
	}
	about == {"targets", "workload.name"}
	targets.checks == set()
	targets.checks == set() with input as object.remove(data.passing, {"targets"})
	targets.checks == set() with input as seen({"up": "2"})
	targets.checks == set() with input as {"targets": {"up": 2}}
}

test_no_limit_never_passes if {
	targets.checks == set() with input as data.passing with data.limits as {}
}
