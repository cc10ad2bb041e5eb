# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.memory.limit_test

import data.lib.object_test as made
import data.manifest.memory.limit

says := {"checks": limit.checks, "deny": limit.deny, "inconclusive": limit.inconclusive}

passes := {"checks": {"GOMEM-008"}, "deny": set(), "inconclusive": set()}

why(findings) := {[finding.target, object.get(finding.facts, "reason", "")] | some finding in findings}

test_a_limit_passes if {
	says == passes with input as data.deployment
	says == passes with input as made.with_limit(536870912)
	says == passes with input as made.without_resources({"resources": {"limits": {"memory": "1Gi"}}})
}

test_no_limit_is_denied if {
	some finding in limit.deny with input as made.without("resources")
	finding == {
		"id": "GOMEM-008",
		"msg": "no memory limit",
		"severity": "medium",
		"signal": "memory_limit",
		"target": "shop",
		"value": null,
		"limit": null,
		"unit": "By",
		"facts": {},
	}
	said := says with input as made.without("resources")
	said.inconclusive == set()
	said.checks == {"GOMEM-008"}
}

# Zero is how Kubernetes writes no limit.
test_zero_is_no_limit if {
	every quantity in ["0", 0, "-1Gi", "0Mi"] {
		said := says with input as made.with_limit(quantity)
		count(said.deny) == 1
		said.inconclusive == set()
	}
	said := says with input as made.with_limit("-1Ki")
	[[finding.value, finding.facts] | some finding in said.deny] == [[-1024, {"quantity": "-1Ki"}]]
}

test_malformed_limit_is_inconclusive if {
	said := says with input as made.with_limit("512MB")
	why(said.inconclusive) == {["shop", "malformed"]}
	said.deny == set()
}

test_nothing_never_passes if {
	every manifest in made.nothing {
		said := says with input as manifest
		said.checks == set()
		said.deny == set()
		why(said.inconclusive) == {["", "missing"]}
	}
	says.checks == set()
	why(says.inconclusive) == {["", "missing"]}
}
