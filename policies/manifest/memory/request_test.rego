# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.memory.request_test

import data.lib.object_test as made
import data.manifest.memory.request

says := {"checks": request.checks, "warn": request.warn, "inconclusive": request.inconclusive}

passes := {"checks": {"GOMEM-009"}, "warn": set(), "inconclusive": set()}

of(tier, requests) := made.annotated(
	made.with_container({"resources": {"requests": requests, "limits": {"memory": "512Mi"}}}),
	{"heapgate.dev/tier": tier},
)

test_half_and_more_passes if {
	says == passes with input as data.deployment
	says == passes with input as of("critical", {"memory": "256Mi"})
	says == passes with input as of("critical", {})
	says == passes with input as of("standard", {"memory": "1Mi"})
	says == passes with input as of("", {"memory": "1Mi"})
	says == passes with input as made.annotated(made.with_container({"resources": {"requests": {"memory": "1Mi"}, "limits": {"memory": null}}}), {"heapgate.dev/tier": "critical"})
}

test_less_is_a_warning if {
	says == object.union(passes, {"warn": {{
		"id": "GOMEM-009",
		"msg": "memory request below half of the limit of a critical workload",
		"severity": "low",
		"signal": "memory_request",
		"target": "shop",
		"value": 267386880,
		"limit": 268435456,
		"unit": "By",
		"facts": {},
	}}}) with input as of("critical", {"memory": "255Mi"})
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
