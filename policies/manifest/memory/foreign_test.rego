# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.memory.foreign_test

import data.lib.object_test as made
import data.manifest.memory.foreign

says := {"checks": foreign.checks, "warn": foreign.warn, "inconclusive": foreign.inconclusive}

passes := {"checks": {"GOMEM-018"}, "warn": set(), "inconclusive": set()}

resource(name) := made.with_env({"valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "containerName": name}}})

test_its_own_passes if {
	says == passes with input as data.deployment
	says == passes with input as resource("shop")
	says == passes with input as resource("")
}

test_that_of_another_is_a_warning if {
	says == object.union(passes, {"warn": {{
		"id": "GOMEM-018",
		"msg": "GOMEMLIMIT taken from another container",
		"severity": "medium",
		"signal": "gomemlimit",
		"target": "shop",
		"value": null,
		"limit": null,
		"unit": "",
		"facts": {"container": "proxy"},
	}}}) with input as resource("proxy")
}

test_nothing_never_passes if {
	every manifest in made.nothing {
		said := says with input as manifest
		{finding.facts.reason | some finding in said.inconclusive} == {"missing"}
		object.union(said, {"inconclusive": set()}) == object.union(passes, {"checks": set()})
	}
	says.checks == set()
	count(says.inconclusive) == 1
}
