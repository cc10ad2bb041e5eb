# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.cpu.unaware_test

import data.lib.object_test as made
import data.manifest.cpu.unaware

says := {"checks": unaware.checks, "warn": unaware.warn, "inconclusive": unaware.inconclusive}

passes := {"checks": {"GOMEM-011"}, "warn": set(), "inconclusive": set()}

limited(cpu, variables) := made.with_container({
	"env": [{"name": name, "value": value} | some name, value in variables],
	"resources": {"limits": {"cpu": cpu}},
})

built(manifest, version) := made.annotated(manifest, {"heapgate.dev/go-version": version})

test_aware_or_unlimited_or_set_passes if {
	says == passes with input as data.deployment
	says == passes with input as built(data.deployment, "1.24")
	says == passes with input as built(limited("0", {}), "1.24")
	says == passes with input as built(limited("2", {"GOMAXPROCS": "2"}), "1.24")
	says == passes with input as built(limited("2", {}), "1.25")
	says == passes with input as made.annotated(built(limited("2", {}), "1.24"), {"heapgate.dev/automaxprocs": "true"})
}

test_an_old_go_is_a_warning if {
	says == object.union(passes, {"warn": {{
		"id": "GOMEM-011",
		"msg": "CPU limit without GOMAXPROCS for a Go before 1.25",
		"severity": "medium",
		"signal": "gomaxprocs",
		"target": "shop",
		"value": null,
		"limit": null,
		"unit": "",
		"facts": {"cpu_limit": 0.5},
	}}}) with input as built(limited("500m", {}), "go1.24.9")
}

test_a_new_go_that_is_told_not_to_look_is_a_warning if {
	said := says with input as built(limited("2", {"GODEBUG": "containermaxprocs=0"}), "1.26")
	{[finding.severity, finding.facts] | some finding in said.warn} == {["medium", {"cpu_limit": 2}]}
	object.union(said, {"warn": set()}) == passes
}

# Without the version it is known all the same that this one does not look.
test_told_not_to_look_by_an_unknown_go if {
	said := says with input as limited("2", {"GODEBUG": "containermaxprocs=0"})
	{finding.severity | some finding in said.warn} == {"medium"}
}

test_an_unknown_go_is_said if {
	every version in ["", "new"] {
		said := says with input as built(limited("2", {}), version)
		{[finding.severity, finding.target, finding.facts] | some finding in said.warn} == {["info", "shop", {"reason": "missing", "detail": "the Go version", "cpu_limit": 2}]}
		object.union(said, {"warn": set()}) == passes
	}
}

test_build_information_of_the_image if {
	manifest := limited("2", {})
	every information in [{"go_version": "go1.24.0"}, {"go_version": "go1.26.8", "default_godebug": "x=1,containermaxprocs=0"}] {
		{finding.severity | some finding in unaware.warn} == {"medium"} with input as object.union(manifest, {"buildinfo": {made.guarded.image: information}})
	}
	says == passes with input as object.union(manifest, {"buildinfo": {made.guarded.image: {"go_version": "go1.26.8"}}})
	overridden := object.union(limited("2", {"GODEBUG": "containermaxprocs=1"}), {"buildinfo": {made.guarded.image: {
		"go_version": "go1.26.8",
		"default_godebug": "containermaxprocs=0",
	}}})
	says == passes with input as overridden
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
