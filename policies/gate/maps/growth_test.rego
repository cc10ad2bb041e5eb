# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package gate.maps.growth_test

import data.gate.maps.growth
import data.lib.patch_test as patch

says := {"checks": growth.checks, "deny": growth.deny, "inconclusive": growth.inconclusive}

passes := {"checks": {"MAP-001"}, "deny": set(), "inconclusive": set()}

unbounded := {"lower": 150000, "rate": 200000, "upper": 250000}

growing(fields) := patch.site(object.union(unbounded, fields))

test_passing_evidence_passes if {
	says == passes with input as data.passing
}

test_unbounded_growth_is_denied_with_its_site if {
	said := says with input as growing({})
	object.remove(said, {"deny"}) == object.remove(passes, {"deny"})
	said.deny == {{
		"id": "MAP-001",
		"msg": "map growth at a site above the limit",
		"severity": "high",
		"signal": "map_sites",
		"target": "10.0.0.1:6060",
		"value": 150000,
		"limit": 100000,
		"unit": "By/s",
		"facts": {
			"function": "shop/cart.(*Index).Put",
			"file": "cart/index.go",
			"line": 42,
			"class": "map_grow",
			"version": "good",
			"rate": 200000,
			"lower": 150000,
			"upper": 250000,
			"retained_share": 0.9,
			"windows": 10,
			"doublings": 3,
			"samples": 50,
			"needed": {"windows": 3, "doublings": 1, "samples": 4},
		},
	}}
}

test_every_growth_class_counts if {
	every class in ["map_grow", "map_overflow", "sync_map"] {
		said := says with input as growing({"class": class})
		count(said.deny) == 1
	}
}

test_memory_that_is_paid_once_does_not_count if {
	every class in ["map_make", "map_clone", "map_box", "value", "unknown"] {
		says == passes with input as growing({"class": class})
	}
}

test_limits_themselves if {
	says == passes with input as growing({"lower": 100000})
	said := says with input as growing({"retained_share": 0.3, "windows": 3, "doublings": 1, "samples": 4})
	count(said.deny) == 1
}

test_garbage_is_no_growth if {
	says == passes with input as growing({"retained_share": 0.29})
	says == passes with input as growing({"retained_share": 0, "doublings": null})
}

test_short_observation_is_inconclusive if {
	every name, fields in {"windows": {"windows": 2}, "doublings": {"doublings": 0.9}, "samples": {"samples": 3}} {
		said := says with input as growing(fields)
		said.checks == {"MAP-001"}
		said.deny == set()
		[finding.facts.short | some finding in said.inconclusive] == [{name}]
	}
}

test_unknown_quantity_of_a_fast_site_is_inconclusive if {
	every name in ["retained_share", "doublings", "lower"] {
		said := says with input as growing({name: null})
		said.deny == set()
		some finding in said.inconclusive
		finding.facts.reason == "missing"
		finding.facts.absent == {name}
		finding.facts.function == "shop/cart.(*Index).Put"
	}
}

test_text_is_no_rate if {
	said := says with input as growing({"lower": "150000"})
	count(said.inconclusive) == 1
	said.deny == set()
}

test_unknown_quantity_of_a_slow_site_does_not_matter if {
	says == passes with input as patch.site({"retained_share": null, "doublings": null})
}

test_each_site_is_judged_for_itself if {
	sites := [object.union(data.passing.map_sites[0], object.union(unbounded, {"line": line})) | some line in [1, 2, 3]]
	evidence := object.union(data.passing, {"map_sites": array.concat(sites, data.passing.map_sites)})
	said := says with input as evidence
	{finding.facts.line | some finding in said.deny} == {1, 2, 3}
}

test_unwatched_sites_are_inconclusive if {
	said := says with input as patch.signal("map_sites_watched", {"value": null, "reason": "gap"})
	said.checks == set()
	[finding.facts.reason | some finding in said.inconclusive] == ["gap"]
}

test_no_map_anywhere_passes if {
	none := object.union(patch.signal("map_sites_watched", {"value": 0}), {"map_sites": []})
	says == passes with input as none
}

test_watched_sites_without_rates_are_inconclusive if {
	said := says with input as object.union(data.passing, {"map_sites": []})
	some finding in said.inconclusive
	finding.facts == {"reason": "missing", "sites_watched": 1}
	finding.target == "10.0.0.1:6060"
}

test_contradiction_about_the_number_of_sites_is_malformed if {
	contradiction := patch.signal("map_sites_watched", {"reason": "stale"})
	said := says with input as object.union(contradiction, {"map_sites": []})
	[finding.facts.reason | some finding in said.inconclusive] == ["malformed"]
}

test_no_evidence_never_passes if {
	every evidence in patch.nothing {
		said := says with input as evidence
		said.checks == set()
		[finding.facts.reason | some finding in said.inconclusive] == ["missing"]
	}
	says.checks == set()
	says.checks == set() with input as object.remove(data.passing, {"map_sites"})
	says.checks == set() with input as patch.signal("map_sites_watched", {"value": null, "reason": null})
}

test_no_limit_never_passes if {
	says.checks == set() with input as growing({}) with data.limits as {}
}
