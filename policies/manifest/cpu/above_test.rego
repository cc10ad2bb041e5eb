# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.cpu.above_test

import data.lib.object_test as made
import data.manifest.cpu.above

says := {"checks": above.checks, "warn": above.warn, "inconclusive": above.inconclusive}

passes := {"checks": {"GOMEM-012"}, "warn": set(), "inconclusive": set()}

limited(cpu, number) := made.with_container({"env": [{"name": "GOMAXPROCS", "value": number}], "resources": {"limits": {"cpu": cpu}}})

test_what_the_limit_pays_for_passes if {
	says == passes with input as data.deployment
	says == passes with input as made.with_variables({"GOMAXPROCS": "64"})
	every cpu, number in {"2": "2", "2500m": "3", "500m": "2", "0": "64"} {
		says == passes with input as limited(cpu, number)
	}
}

test_more_is_a_warning if {
	says == object.union(passes, {"warn": {{
		"id": "GOMEM-012",
		"msg": "GOMAXPROCS above the CPU limit",
		"severity": "low",
		"signal": "gomaxprocs",
		"target": "shop",
		"value": 4,
		"limit": 3,
		"unit": "{thread}",
		"facts": {},
	}}}) with input as limited("2500m", "4")
	count(above.warn) == 1 with input as limited("500m", "3")
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
