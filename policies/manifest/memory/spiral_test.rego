# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.memory.spiral_test

import data.lib.object_test as made
import data.manifest.memory.spiral

says := {"checks": spiral.checks, "warn": spiral.warn, "inconclusive": spiral.inconclusive}

passes := {"checks": {"GOMEM-006"}, "warn": set(), "inconclusive": set()}

off := {"GOGC": "off", "GOMEMLIMIT": "500MiB"}

test_room_enough_passes if {
	says == passes with input as data.deployment
	every text in ["400MiB", "400Mi", "1"] {
		says == passes with input as made.annotated(made.with_variables(off), {"heapgate.dev/live-heap-slo": text})
	}
	every variables in [{"GOGC": "100", "GOMEMLIMIT": "500MiB"}, {"GOGC": "off"}, {"GOMEMLIMIT": "500MiB"}] {
		says == passes with input as made.annotated(made.with_variables(variables), {"heapgate.dev/live-heap-slo": "490MiB"})
	}
}

test_too_little_room_is_a_warning if {
	some finding in spiral.warn with input as made.annotated(made.with_variables(off), {"heapgate.dev/live-heap-slo": "401Mi"})
	finding == {
		"id": "GOMEM-006",
		"msg": "live heap close to GOMEMLIMIT with GOGC=off",
		"severity": "medium",
		"signal": "live_heap_slo",
		"target": "shop",
		"value": 420478976,
		"limit": 419430400,
		"unit": "By",
		"facts": {"gomemlimit_bytes": 524288000},
	}
	said := says with input as made.annotated(made.with_variables(off), {"heapgate.dev/live-heap-slo": "401MiB"})
	count(said.warn) == 1
	object.union(said, {"warn": set()}) == passes
}

test_an_unknown_slo_is_said if {
	every text, reason in {"": "missing", "much": "malformed"} {
		said := says with input as made.annotated(made.with_variables(off), {"heapgate.dev/live-heap-slo": text})
		{[finding.severity, finding.target, finding.facts.reason] | some finding in said.warn} == {["info", "shop", reason]}
		object.union(said, {"warn": set()}) == passes
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
