# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.debug.gctrace_test

import data.lib.object_test as made
import data.manifest.debug.gctrace

says := {"checks": gctrace.checks, "warn": gctrace.warn, "inconclusive": gctrace.inconclusive}

passes := {"checks": {"GOMEM-015"}, "warn": set(), "inconclusive": set()}

traced := made.with_variables({"GODEBUG": "gctrace=1"})

test_off_or_heard_passes if {
	says == passes with input as data.deployment
	says == passes with input as traced
	says == passes with input as made.annotated(made.free(traced), {"heapgate.dev/gctrace": "true"})
	every text in ["gctrace=0", "gctrace=", "x=1"] {
		says == passes with input as made.free(made.with_variables({"GODEBUG": text}))
	}
}

test_unheard_is_an_info if {
	says == object.union(passes, {"warn": {{
		"id": "GOMEM-015",
		"msg": "GODEBUG=gctrace=1 without a reader",
		"severity": "info",
		"signal": "godebug",
		"target": "shop",
		"value": null,
		"limit": null,
		"unit": "",
		"facts": {"setting": "gctrace=1"},
	}}}) with input as made.free(traced)
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
