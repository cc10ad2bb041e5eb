# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.gc.gogc_test

import data.lib.object_test as made
import data.manifest.gc.gogc

says := {"checks": gogc.checks, "warn": gogc.warn, "inconclusive": gogc.inconclusive}

passes := {"checks": {"GOMEM-007"}, "warn": set(), "inconclusive": set()}

test_what_the_runtime_reads_passes if {
	every text in ["", "off", "100", "0", "-1", "007"] {
		says == passes with input as made.with_variables({"GOGC": text})
	}
	says == passes with input as data.deployment
}

test_what_it_passes_over_is_a_warning if {
	every text in ["100%", "abc", "1.5", "+50", " 50", "2147483648", "OFF"] {
		said := says with input as made.with_variables({"GOGC": text})
		said == object.union(passes, {"warn": {{
			"id": "GOMEM-007",
			"msg": "GOGC that the Go runtime passes over",
			"severity": "medium",
			"signal": "gogc",
			"target": "shop",
			"value": null,
			"limit": null,
			"unit": "",
			"facts": {"text": text},
		}}})
	}
}

test_a_value_that_is_not_here_is_said if {
	said := says with input as made.with_container({"env": [{"name": "GOGC", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}]})
	{[finding.severity, finding.target, finding.facts.detail] | some finding in said.warn} == {["info", "shop", "its value is not in the manifest"]}
	object.union(said, {"warn": set()}) == passes
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
