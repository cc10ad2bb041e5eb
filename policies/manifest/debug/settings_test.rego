# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.debug.settings_test

import data.lib.object_test as made
import data.manifest.debug.settings

says := {"checks": settings.checks, "warn": settings.warn, "inconclusive": settings.inconclusive}

passes := {"checks": {"GOMEM-016"}, "warn": set(), "inconclusive": set()}

test_other_settings_pass if {
	says == passes with input as data.deployment
	every text in ["gctrace=1", "madvdontneed=1", "asyncpreemptoff=0", "madvdontneed=0,madvdontneed=1", "madvdontneed"] {
		says == passes with input as made.with_variables({"GODEBUG": text})
	}
}

test_costly_settings_are_warnings if {
	says == object.union(passes, {"warn": {{
		"id": "GOMEM-016",
		"msg": "GODEBUG setting that costs memory, pauses or sight",
		"severity": "low",
		"signal": "godebug",
		"target": "shop",
		"value": null,
		"limit": null,
		"unit": "",
		"facts": {"setting": "madvdontneed=0", "effect": "freed memory still counts as used"},
	}}}) with input as made.with_variables({"GODEBUG": "madvdontneed=0,gctrace=1"})
	said := says with input as made.with_variables({"GODEBUG": concat(",", [setting | some setting, _ in settings.effects])})
	count(said.warn) == count(settings.effects) - 1
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
