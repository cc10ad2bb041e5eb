# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.image.pinned_test

import data.lib.object_test as made
import data.manifest.image.pinned

says := {"checks": pinned.checks, "deny": pinned.deny, "warn": pinned.warn, "inconclusive": pinned.inconclusive}

passes := {"checks": {"IMAGE-001"}, "deny": set(), "warn": set(), "inconclusive": set()}

hex := "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

test_pinned_images_pass if {
	every image in ["shop", "shop:v1", "ghcr.io/example/shop", "localhost:5000/shop:v1"] {
		says == passes with input as made.with_container({"image": concat("@", [image, concat(":", ["sha256", hex])])})
	}
	says == passes with input as data.deployment
}

test_other_images_do_not_pass if {
	every image in [
		"shop", "shop:v1", "", concat("@", ["shop", hex]), concat("@sha256:", ["", hex]), concat("@sha256:", ["shop", upper(hex)]),
		concat("@sha512:", ["shop", hex]), concat("@sha256:", ["shop", concat("", [hex, "0"])]), concat("@sha256:", ["shop", "0123"]),
		concat("@sha256:", ["a@b", hex]), concat("@sha256:", ["a b", hex]),
	] {
		said := says with input as made.with_container({"image": image})
		[[finding.target, finding.facts.image] | some finding in said.deny] == [["shop", image]]
		said.checks == {"IMAGE-001"}
		said.inconclusive == set()
	}
}

test_the_finding if {
	some finding in pinned.deny with input as made.with_container({"image": "shop:v1"})
	finding == {
		"id": "IMAGE-001",
		"msg": "image not pinned by digest",
		"severity": "high",
		"signal": "image",
		"target": "shop",
		"value": null,
		"limit": null,
		"unit": "",
		"facts": {"image": "shop:v1"},
	}
}

test_nothing_never_passes if {
	every manifest in made.nothing {
		said := says with input as manifest
		[finding.facts.reason | some finding in said.inconclusive] == ["missing"]
		said.checks == set()
		said.deny == set()
	}
	says.checks == set()
	count(says.inconclusive) == 1
}

test_no_image_never_passes if {
	every manifest in [made.without("image"), made.with_container({"image": 1}), made.with_container({"image": null})] {
		said := says with input as manifest
		[[finding.target, finding.facts.reason] | some finding in said.inconclusive] == [["shop", "missing"]]
		said.checks == set()
		said.deny == set()
	}
}

# Of what is not guarded there is no verdict that could be about another image.
test_a_tag_of_what_is_not_guarded_is_a_warning if {
	said := says with input as made.free(made.with_container({"image": "shop:v1"}))
	[[finding.target, finding.facts.image] | some finding in said.warn] == [["shop", "shop:v1"]]
	object.union(said, {"warn": set()}) == passes
	guarded := says with input as made.with_container({"image": "shop:v1"})
	guarded.warn == set()
}
