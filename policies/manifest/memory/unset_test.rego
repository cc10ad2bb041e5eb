# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.memory.unset_test

import data.lib.object_test as made
import data.manifest.memory.unset

says := {"checks": unset.checks, "warn": unset.warn, "inconclusive": unset.inconclusive}

passes := {"checks": {"GOMEM-002"}, "warn": set(), "inconclusive": set()}

test_set_or_bounded_otherwise_passes if {
	says == passes with input as data.deployment
	every value in ["off", "1"] {
		says == passes with input as made.with_variables({"GOMEMLIMIT": value})
	}
	says == passes with input as made.with_env({"valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}})
	says == passes with input as made.with_container({"env": [], "envFrom": [{"configMapRef": {"name": "x"}}]})
	says == passes with input as made.with_variables({"AUTOMEMLIMIT": "0.9"})
	says == passes with input as made.annotated(made.without("env"), {"heapgate.dev/automemlimit": "true"})
	says == passes with input as made.with_container({"env": [], "resources": {"limits": {"memory": null}}})
	says == passes with input as made.with_container({"env": [], "resources": {"limits": {"memory": "0"}}})
}

test_a_limit_without_it_is_a_warning if {
	finding := {
		"id": "GOMEM-002",
		"msg": "memory limit without GOMEMLIMIT",
		"severity": "medium",
		"signal": "gomemlimit",
		"target": "shop",
		"value": null,
		"limit": null,
		"unit": "By",
		"facts": {"memory_limit_bytes": 536870912},
	}
	every manifest in [
		made.without("env"), made.with_variables({"GOMEMLIMIT": ""}), made.with_variables({"AUTOMEMLIMIT": "off"}),
		made.annotated(made.without("env"), {"heapgate.dev/automemlimit": "off"}),
		made.annotated(made.without("env"), {"heapgate.dev/automemlimit": "false"}),
		made.candidate(made.with_containers([object.remove(made.guarded, ["env"])])),
	] {
		says == object.union(passes, {"warn": {finding}}) with input as manifest
	}
}

# The annotation is about the one container.
test_automemlimit_of_another_container if {
	of_two := made.with_containers([{"name": "a", "resources": made.guarded.resources, "env": [{"name": "GOGC"}]}, made.guarded])
	said := says with input as made.annotated(made.free(of_two), {"heapgate.dev/container": "shop", "heapgate.dev/automemlimit": "true"})
	{finding.target | some finding in said.warn} == {"a"}
}

test_nobody_known_to_run_go_is_said if {
	said := says with input as made.free(made.without("env"))
	said == object.union(passes, {"warn": {{
		"id": "GOMEM-002",
		"msg": "memory limit without GOMEMLIMIT",
		"severity": "info",
		"signal": "gomemlimit",
		"target": "",
		"value": null,
		"limit": null,
		"unit": "",
		"facts": {"reason": "missing", "detail": "no container is known to run Go"},
	}}})
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
