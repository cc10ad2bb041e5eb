# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.memory.low_test

import data.lib.object_test as made
import data.manifest.memory.low

says := {"checks": low.checks, "warn": low.warn, "inconclusive": low.inconclusive}

passes := {"checks": {"GOMEM-004"}, "warn": set(), "inconclusive": set()}

with_memory(variables, resources) := object.union(made.with_variables(variables), made.with_container({
	"env": [{"name": name, "value": value} | some name, value in variables],
	"resources": resources,
}))

test_half_and_more_passes if {
	says == passes with input as data.deployment
	says == passes with input as made.with_variables({"GOMEMLIMIT": "256MiB"})
	says == passes with input as made.with_variables({"GOMEMLIMIT": "off"})
	says == passes with input as made.with_variables({"GOMEMLIMIT": "1"}) with input.spec.template.spec.containers as [{"name": "shop"}]
	says == passes with input as with_memory({"GOMEMLIMIT": "460MiB"}, {"requests": {"memory": "512Mi"}})
	says == passes with input as with_memory({"GOMEMLIMIT": "300MiB"}, {"requests": {"memory": "300Mi"}})
}

test_less_is_a_warning if {
	some finding in low.warn with input as made.with_variables({"GOMEMLIMIT": "255MiB"})
	finding == {
		"id": "GOMEM-004",
		"msg": "GOMEMLIMIT far below the memory of the container",
		"severity": "low",
		"signal": "gomemlimit",
		"target": "shop",
		"value": 267386880,
		"limit": 268435456,
		"unit": "By",
		"facts": {"of": "half of the limit"},
	}
	said := says with input as with_memory({"GOMEMLIMIT": "300MiB"}, {"requests": {"memory": "400Mi"}, "limits": {"memory": "512Mi"}})
	{[found.facts.of, found.limit] | some found in said.warn} == {["85 % of the request", 356515840]}
	said.checks == {"GOMEM-004"}
}

# A limit stands in for a request that is not there, and is no request to compare with.
test_a_limit_is_no_request if {
	says == passes with input as with_memory({"GOMEMLIMIT": "300MiB"}, {"limits": {"memory": "512Mi"}})
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
