# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.cpu.gomaxprocs_test

import data.lib.object_test as made
import data.manifest.cpu.gomaxprocs

says := {"checks": gomaxprocs.checks, "warn": gomaxprocs.warn, "inconclusive": gomaxprocs.inconclusive}

passes := {"checks": {"GOMEM-010"}, "warn": set(), "inconclusive": set()}

resource(fields, resources) := made.with_container({
	"env": [{"name": "GOMAXPROCS", "valueFrom": {"resourceFieldRef": fields}}],
	"resources": resources,
})

test_numbers_of_processors_pass if {
	says == passes with input as data.deployment
	every text in ["1", "16", "04", ""] {
		says == passes with input as made.with_variables({"GOMAXPROCS": text})
	}
	says == passes with input as resource({"resource": "limits.cpu"}, {"limits": {"cpu": "500m"}})
	says == passes with input as resource({"resource": "requests.cpu", "divisor": "1"}, {"limits": {"cpu": "2"}})
}

test_what_the_runtime_passes_over_is_a_warning if {
	every text in ["500m", "0", "-1", "1.5", "+2", "two"] {
		said := says with input as made.with_variables({"GOMAXPROCS": text})
		said == object.union(passes, {"warn": {{
			"id": "GOMEM-010",
			"msg": "GOMAXPROCS that the Go runtime passes over or that is no number of processors",
			"severity": "medium",
			"signal": "gomaxprocs",
			"target": "shop",
			"value": null,
			"limit": null,
			"unit": "",
			"facts": {"text": text},
		}}})
	}
	said := says with input as resource({"resource": "requests.cpu"}, {})
	{finding.facts | some finding in said.warn} == {{"text": "0"}}
}

test_thousandths_are_no_processors if {
	said := says with input as resource({"resource": "limits.cpu", "divisor": "1m"}, {"limits": {"cpu": "500m"}})
	{[finding.target, finding.facts] | some finding in said.warn} == {["shop", {"text": "500", "divisor": "1m"}]}
	object.union(said, {"warn": set()}) == passes
}

test_a_value_that_is_not_here_is_said if {
	said := says with input as resource({"resource": "limits.cpu"}, {})
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
