# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package manifest.memory.tmpfs_test

import data.lib.object_test as made
import data.manifest.memory.tmpfs

says := {"checks": tmpfs.checks, "warn": tmpfs.warn, "inconclusive": tmpfs.inconclusive}

passes := {"checks": {"GOMEM-017"}, "warn": set(), "inconclusive": set()}

pod(size, variables) := object.union(
	made.with_container({
		"env": [{"name": name, "value": value} | some name, value in variables],
		"volumeMounts": [{"name": "cache", "mountPath": "/a"}, {"name": "cache", "mountPath": "/b"}, {"name": "gone"}],
	}),
	{"spec": {"template": {"spec": {"volumes": [
		{"name": "cache", "emptyDir": object.union({"medium": "Memory"}, size)},
		{"name": "other", "emptyDir": {"medium": "Memory"}},
	]}}}},
)

test_room_enough_passes if {
	says == passes with input as data.deployment
	says == passes with input as pod({"sizeLimit": "26Mi"}, {"GOMEMLIMIT": "460MiB"})
	says == passes with input as pod({"medium": ""}, {"GOMEMLIMIT": "460MiB"})
	says == passes with input as pod({"sizeLimit": "26Mi"}, {})
	says == passes with input as made.with_variables({"GOMEMLIMIT": "510MiB"})
}

test_too_little_room_is_a_warning if {
	says == object.union(passes, {"warn": {{
		"id": "GOMEM-017",
		"msg": "volume in memory that GOMEMLIMIT leaves no room for",
		"severity": "medium",
		"signal": "tmpfs",
		"target": "shop",
		"value": 510656512,
		"limit": 536870912 * 0.95,
		"unit": "By",
		"facts": {"gomemlimit_bytes": 482344960, "tmpfs_bytes": 28311552},
	}}}) with input as pod({"sizeLimit": "27Mi"}, {"GOMEMLIMIT": "460MiB"})
}

test_no_bound_is_a_warning if {
	every size in [{}, {"sizeLimit": "0"}, {"sizeLimit": "much"}] {
		said := says with input as pod(size, {"GOMEMLIMIT": "460MiB"})
		{[finding.target, finding.facts] | some finding in said.warn} == {["shop", {"volume": "cache", "detail": "no sizeLimit"}]}
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
