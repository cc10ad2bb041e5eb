# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# What tests change in the evidence that passes (testdata/passing.yaml).
package lib.patch_test

# signal changes fields of one signal.
signal(name, fields) := object.union(data.passing, {"signals": {name: fields}})

# without leaves out one signal.
without(name) := object.union(object.remove(data.passing, {"signals"}), {"signals": object.remove(data.passing.signals, {name})})

# site changes fields of the one map site.
site(fields) := object.union(data.passing, {"map_sites": [object.union(data.passing.map_sites[0], fields)]})

# No input, null and the empty object are all no evidence.
nothing := [null, {}]

# comparison changes parts of the comparison.
comparison(fields) := object.union(data.passing, {"comparison": fields})

# compared changes fields of one compared signal.
compared(name, fields) := comparison({"signals": {name: fields}})

# uncompared is evidence without a baseline, in each way of saying so.
uncompared := [
	object.remove(data.passing, {"comparison"}),
	object.union(data.passing, {"comparison": null}),
	comparison({"baseline": {"kind": "none", "reason": ""}}),
	comparison({"baseline": {"kind": "tomorrow"}}),
]

# required is the limits with a comparison and a claim about leaks required.
required := object.union(data.limits, {"comparison": {"required": true}, "leak": {"required": true}})

# exception is one that holds for this evidence, but for the given fields.
excepted(fields) := object.union(data.passing, {
	"workload": {"image_digest": digest},
	"exceptions": [object.union(exception, fields)],
})

digest := "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

exception := {
	"name": "shop-map",
	"namespace": "shop",
	"image_digest": digest,
	"rules": ["MAP-001", "GC-001"],
	"author": "alice",
	"approver": "bob",
	"ticket": "OPS-123",
	"reason": "the sale begins at noon",
	"starts": "2026-11-21T09:00:00Z",
	"expires": "2026-11-21T12:00:00Z",
	"max_uses": 2,
	"uses": 1,
}
