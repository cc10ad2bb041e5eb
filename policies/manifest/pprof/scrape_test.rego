# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.pprof.scrape_test

import data.lib.object_test as made
import data.manifest.pprof.scrape

says := {"checks": scrape.checks, "warn": scrape.warn, "inconclusive": scrape.inconclusive}

passes := {"checks": {"GOMEM-014"}, "warn": set(), "inconclusive": set()}

pod(annotations, ports) := object.union(
	made.with_container({"ports": ports}),
	{"spec": {"template": {"metadata": {"annotations": object.union({"heapgate.dev/scrape": "", "heapgate.dev/port": ""}, annotations)}}}},
)

problems(findings) := {finding.facts | some finding in findings}

pprof := {"name": "pprof", "containerPort": 6060}

test_scraped_at_a_port_of_its_own_passes if {
	says == passes with input as data.deployment
	says == passes with input as pod({"heapgate.dev/scrape": "true"}, [pprof, {"name": "http", "containerPort": 8080}])
	says == passes with input as pod({"heapgate.dev/scrape": "true", "heapgate.dev/port": "6060"}, [pprof])
	says == passes with input as made.candidate(pod({}, []))
	says == passes with input as made.free(pod({}, []))
}

test_what_is_wrong_is_a_warning if {
	says == object.union(passes, {"warn": {{
		"id": "GOMEM-014",
		"msg": "annotation or port of pprof missing or wrong",
		"severity": "low",
		"signal": "pprof",
		"target": "shop",
		"value": null,
		"limit": null,
		"unit": "",
		"facts": {"problem": "no port"},
	}}}) with input as pod({"heapgate.dev/scrape": "true"}, [])
	problems(scrape.warn) == {{"problem": "not scraped"}} with input as pod({}, [pprof])
	problems(scrape.warn) == {{"problem": "not scraped"}} with input as pod({"heapgate.dev/scrape": "false", "heapgate.dev/port": "1"}, [])
	problems(scrape.warn) == {{"problem": "neither annotation nor port"}} with input as pod({}, [])
}

test_a_port_that_is_no_number if {
	said := says with input as pod({"heapgate.dev/scrape": "true", "heapgate.dev/port": "evil.example:80"}, [pprof])
	{[finding.target, finding.facts] | some finding in said.warn} == {["shop", {"problem": "no port number", "text": "evil.example:80"}]}
	object.union(said, {"warn": set()}) == passes
}

test_a_port_that_users_have if {
	said := says with input as pod({"heapgate.dev/scrape": "true", "heapgate.dev/port": "8080"}, [{"name": "http", "containerPort": 8080}, {"name": "x", "containerPort": 1}])
	{[finding.target, finding.facts] | some finding in said.warn} == {["shop", {"problem": "public port", "port": 8080, "name": "http"}]}
	object.union(said, {"warn": set()}) == passes
}

# Nothing that is not known to be Go is judged.
test_other_programs_pass if {
	ports := [{"name": "http", "containerPort": 6060}]
	every annotations in [{"heapgate.dev/port": "6060"}, {"heapgate.dev/port": "x"}, {"heapgate.dev/scrape": "true"}] {
		other := object.union(made.free(pod(annotations, [])), {"spec": {"template": {"spec": {"containers": [{"name": "a", "ports": ports}]}}}})
		says == passes with input as other
	}
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
