# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.pprof.exposed_test

import data.lib.object_test as made
import data.manifest.pprof.exposed

says := {"checks": exposed.checks, "deny": exposed.deny, "warn": exposed.warn, "inconclusive": exposed.inconclusive}

passes := {"checks": {"GOMEM-013"}, "deny": set(), "warn": set(), "inconclusive": set()}

service := {
	"apiVersion": "v1",
	"kind": "Service",
	"metadata": {"name": "shop", "namespace": "shop"},
	"spec": {"type": "LoadBalancer", "selector": {"app": "shop"}, "ports": [{"port": 80, "targetPort": 6060}]},
}

test_inside_passes if {
	says == passes with input as data.deployment
	says == passes with input as made.with_related([object.union(service, {"spec": {"type": "ClusterIP"}})])
	says == passes with input as made.candidate(made.alone(data.deployment))
	says == passes with input as made.alone(made.with_containers([{"name": "a"}])) with input.metadata as {} with input.spec.template.metadata as {}
	says == passes with input as made.alone(object.union(data.deployment, {"spec": {"template": {"metadata": {"annotations": {"heapgate.dev/port": ""}}}}}))
}

test_a_load_balancer_is_denied if {
	says == object.union(passes, {"deny": {{
		"id": "GOMEM-013",
		"msg": "pprof port reachable from outside of the cluster",
		"severity": "high",
		"signal": "pprof",
		"target": "shop",
		"value": null,
		"limit": null,
		"unit": "",
		"facts": {"by": "Service", "name": "shop", "port": 80},
	}}}) with input as made.with_related([service])
}

# Nothing that is not known to be Go is judged.
test_other_programs_pass if {
	pod := {"spec": {"template": {"spec": {"hostNetwork": true, "containers": [{"name": "a", "ports": [{"name": "http", "containerPort": 6060}]}]}}}}
	says == passes with input as object.union(made.free(made.with_related([service])), pod)
	says == passes with input as made.alone(object.union(made.free(data.deployment), pod))
}

test_the_nodes_network_is_a_warning if {
	said := says with input as object.union(data.deployment, {"spec": {"template": {"spec": {"hostNetwork": true}}}})
	{[finding.target, finding.facts] | some finding in said.warn} == {["shop", {"by": "hostNetwork", "port": 6060}]}
	object.union(said, {"warn": set()}) == passes
	says == passes with input as object.union(data.deployment, {"spec": {"template": {"spec": {"hostNetwork": false}}}})
}

test_that_nobody_looked_is_said if {
	said := says with input as made.alone(data.deployment)
	{[finding.severity, finding.target, finding.facts.reason] | some finding in said.warn} == {["info", "shop", "missing"]}
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
