# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package gate.override.exception_test

import data.gate.override.exception
import data.lib.patch_test as patch

says := {"checks": exception.checks, "warn": exception.warn}

passes := {"checks": {"EXC-001"}, "warn": set()}

refused(said) := {finding.facts.refused | some finding in said.warn}

test_passing_evidence_passes if {
	says == passes with input as data.passing
	says == passes with input as object.remove(data.passing, {"exceptions"})
	says == passes with input as object.union(data.passing, {"exceptions": null})
}

test_exception_that_holds_is_said if {
	said := says with input as patch.excepted({})
	said.checks == {"EXC-001"}
	some finding in said.warn
	finding == {
		"id": "EXC-001",
		"msg": "exception given",
		"severity": "critical",
		"signal": "exceptions",
		"target": "",
		"value": 1,
		"limit": 2,
		"unit": "{use}",
		"facts": {
			"exception": "shop-map",
			"valid": true,
			"refused": "",
			"rules": ["MAP-001", "GC-001"],
			"expires": "2026-11-21T12:00:00Z",
			"ticket": "OPS-123",
			"author": "alice",
			"approver": "bob",
			"uses": 1,
			"max_uses": 2,
		},
	}
}

test_exception_that_does_not_hold_is_refused if {
	said := says with input as patch.excepted({"approver": "alice"})
	said.checks == {"EXC-001"}
	{[finding.facts.refused, finding.facts.valid] | some finding in said.warn} == {["approver", false]}
}

test_time_is_that_of_the_evidence if {
	late := object.union(patch.excepted({}), {"now": "2026-11-21T12:00:00Z"})
	refused(says) == {"expired"} with input as late
}

test_scope_is_that_of_the_workload if {
	of_another_image := object.union(patch.excepted({}), {"workload": {"image_digest": "sha256:0123"}})
	refused(says) == {"scope"} with input as of_another_image
	elsewhere := object.union(patch.excepted({}), {"workload": {"namespace": "other"}})
	refused(says) == {"scope"} with input as elsewhere
	unnamed := object.union(object.remove(patch.excepted({}), {"workload"}), {"workload": {"namespace": "shop", "name": "shop"}})
	refused(says) == {"scope"} with input as unnamed
}

test_time_is_limited_by_the_limits if {
	limits := object.union(data.limits, {"exceptions": {"max_seconds": 10799}})
	refused(says) == {"malformed"} with input as patch.excepted({}) with data.limits as limits
}

test_no_evidence_never_passes if {
	every evidence in patch.nothing {
		said := says with input as evidence
		said == object.union(passes, {"checks": set()})
	}
	says.checks == set()
	says.checks == set() with input as object.remove(data.passing, {"now"})
	homeless := object.union(object.remove(data.passing, {"workload"}), {"workload": {}})
	says.checks == set() with input as homeless
}

test_no_limit_never_passes if {
	said := says with input as patch.excepted({}) with data.limits as {}
	said == object.union(passes, {"checks": set()})
}
