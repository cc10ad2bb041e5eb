# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.memory.gomemlimit_test

import data.lib.object_test as made
import data.manifest.memory.gomemlimit

says := {
	"checks": gomemlimit.checks,
	"deny": gomemlimit.deny,
	"warn": gomemlimit.warn,
	"inconclusive": gomemlimit.inconclusive,
}

passes := {"checks": {"GOMEM-003"}, "deny": set(), "warn": set(), "inconclusive": set()}

why(findings) := {[finding.target, finding.facts.reason] | some finding in findings}

resource(fields) := made.with_env({"valueFrom": {"resourceFieldRef": fields}})

test_not_above_passes if {
	says == passes with input as data.deployment
	says == passes with input as made.with_env({"value": "486MiB"})
	says == passes with input as made.with_env({"value": "0"})
	says == passes with input as made.with_limit(1000000000)
}

close := {"id": "GOMEM-003", "limit": 510027366.4, "memory_limit_bytes": 536870912, "target": "shop", "value": 536870912}

warned(findings) := {{
	"id": finding.id,
	"limit": finding.limit,
	"memory_limit_bytes": finding.facts.memory_limit_bytes,
	"target": finding.target,
	"value": finding.value,
} |
	some finding in findings
}

test_close_to_the_limit_is_a_warning if {
	said := says with input as made.with_env({"value": "512MiB"})
	warned(said.warn) == {close}
	object.union(said, {"warn": set()}) == passes
	count(gomemlimit.warn) == 1 with input as made.with_env({"value": "487MiB"})
}

test_unset_passes if {
	says == passes with input as made.without("env")
	says == passes with input as made.with_env({})
	says == passes with input as made.with_env({"value": ""})
	says == passes with input as made.with_env({"value": "off"})
	says == passes with input as made.with_container({"env": [{"name": "GOGC", "value": "50"}], "resources": {}})
}

test_above_is_denied if {
	above := made.with_env({"value": "513MiB"})
	some finding in gomemlimit.deny with input as above
	finding == {
		"id": "GOMEM-003",
		"msg": "GOMEMLIMIT above the memory limit of the container",
		"severity": "high",
		"signal": "gomemlimit",
		"target": "shop",
		"value": 537919488,
		"limit": 536870912,
		"unit": "By",
		"facts": {},
	}
	said := says with input as above
	object.union(said, {"deny": set()}) == passes
}

test_decimal_units_of_kubernetes_are_smaller if {
	decimal := made.with_container({"env": [{"name": "GOMEMLIMIT", "value": "500MiB"}], "resources": {"limits": {"memory": "512M"}}})
	count(gomemlimit.deny) == 1 with input as decimal
}

test_limit_of_its_own_container_is_a_warning if {
	every fields in [{}, {"divisor": "0"}, {"divisor": "1"}, {"divisor": ""}, {"containerName": "shop"}, {"containerName": ""}] {
		said := says with input as resource(object.union({"resource": "limits.memory"}, fields))
		warned(said.warn) == {close}
		object.union(said, {"warn": set()}) == passes
	}
}

test_every_container_is_judged if {
	two := made.with_containers([object.union(made.guarded, {"name": "a", "env": [{"name": "GOMEMLIMIT", "value": "1GiB"}]}), made.guarded])
	said := says with input as made.free(two)
	{finding.target | some finding in said.deny} == {"a"}
	said.checks == {"GOMEM-003"}
	mixed := made.with_containers([object.union(made.guarded, {"name": "a", "env": [{"name": "GOMEMLIMIT", "value": "1G"}]}), made.guarded])
	torn := says with input as made.free(mixed)
	why(torn.inconclusive) == {["a", "malformed"]}
	torn.checks == set()
}

test_values_that_are_not_here_are_inconclusive if {
	every manifest in [
		resource({"resource": "requests.memory"}),
		resource({"resource": "limits.memory", "divisor": "1Mi"}),
		resource({"resource": "limits.memory", "containerName": "proxy"}),
		made.with_env({"valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}}),
		made.with_env({"valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}),
	] {
		said := says with input as manifest
		said.checks == set()
		said.deny == set()
		why(said.inconclusive) == {["shop", "missing"]}
	}
}

test_values_that_the_runtime_refuses_are_inconclusive if {
	every value in ["512Mi", "$(LIMIT)", "OFF"] {
		said := says with input as made.with_env({"value": value})
		said.checks == set()
		why(said.inconclusive) == {["shop", "malformed"]}
	}
}

test_no_limit_to_compare_with_is_inconclusive if {
	said := says with input as made.without("resources")
	said.checks == set()
	why(said.inconclusive) == {["shop", "missing"]}
	malformed := says with input as made.with_limit("512MB")
	malformed.checks == set()
	why(malformed.inconclusive) == {["shop", "missing"]}
}

test_limit_of_the_pod_is_compared_with if {
	count(gomemlimit.deny) == 1 with input as made.without_resources({"resources": {"limits": {"memory": "400Mi"}}})
}

test_env_from_is_a_warning if {
	from := made.with_container({"env": [], "envFrom": [{"configMapRef": {"name": "x"}}]})
	said := says with input as from
	why(said.warn) == {["shop", "missing"]}
	object.union(said, {"warn": set()}) == passes
	says == passes with input as made.with_container({"envFrom": [{"configMapRef": {"name": "x"}}]})
	says == passes with input as made.with_container({"env": [], "envFrom": []})
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
