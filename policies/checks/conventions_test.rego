# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package checks.conventions_test

import data.checks.conventions

described := {
	"location": {"file": "gate/gc/pause.rego", "row": 1, "col": 1},
	"path": [
		{"type": "var", "value": "data"}, {"type": "string", "value": "gate"}, {"type": "string", "value": "gc"},
		{"type": "string", "value": "pause"},
	],
	"annotations": {
		"scope": "package",
		"title": "Pauses are too long",
		"custom": {
			"id": "GC-002", "severity": "high", "signal": "gc_pause", "failure_msg": "pauses above the limit", "solution": "Shrink the heap.",
			"avoid": "x", "collections": ["gate"],
		},
	},
}

spaces := {
	"data.gate.gc.pause": ["gate/gc/pause.rego"],
	"data.gate.gc.pause_test": ["gate/gc/pause_test.rego"],
	"data.lib.reading": ["lib/reading.rego"],
}

rule := {"file": "gate/gc/pause.rego", "name": "deny", "reaches": ["data.lib.result.finding"]}

pack(one) := {"annotations": [one, unscoped, library], "namespaces": spaces, "rules": [rule]}

unscoped := {"location": {"file": "x"}, "path": [{"value": "data"}, {"value": "gate"}], "annotations": {"scope": "rule"}}

library := {
	"location": {"file": "lib/reading.rego"},
	"path": [{"value": "data"}, {"value": "lib"}, {"value": "reading"}],
	"annotations": {"scope": "package"},
}

changed(fields) := pack(object.union(described, {"annotations": fields}))

custom(fields) := changed({"custom": fields})

said(document) := found if {
	found := {[one.problem, one.got] | some one in conventions.problem} with input as document
}

test_a_good_rule_is_good if said(pack(described)) == set()

test_ids if {
	said(custom({"id": "GC-2"})) == {["id", "GC-2"]}
	said(custom({"id": "gc-002"})) == {["id", "gc-002"], ["prefix of the id", "gc-002"]}
	said(custom({"id": "GOMEM-002"})) == {["prefix of the id", "GOMEM-002"]}
	other := object.union(described, {"annotations": {"title": "Another of the same id"}})
	said(object.union(pack(described), {"annotations": [described, other]})) == {["id used twice", "GC-002"]}
	third := object.union(described, {"annotations": {"custom": {"id": "GC-003"}}})
	said(object.union(pack(described), {"annotations": [described, third]})) == set()
}

test_fields if {
	said(custom({"signal": " "})) == {["missing custom field", "signal"]}
	said(custom({"signl": "x"})) == {["unknown custom field", "signl"]}
	without := object.union(object.remove(described, {"annotations"}), {"annotations": object.remove(described.annotations, {"custom"})})
	["missing custom field", "severity"] in said(pack(without))
}

test_texts if {
	every title in ["", "pauses are long", "Pauses are long.", "Two\nlines"] {
		said(changed({"title": title})) == {["title", title]}
	}
	every message in ["Pauses above the limit.", "pauses {{ .x }}", "pauses %s", "two\nlines"] {
		said(custom({"failure_msg": message})) == {["failure_msg", message]}
	}
	said(custom({"solution": "Shrink the heap"})) == {["no sentence", "solution"]}
	said(custom({"exceptions": "None"})) == {["no sentence", "exceptions"]}
	said(custom({"exceptions": " "})) == set()
}

test_places if {
	elsewhere := object.union(described, {"location": {"file": "gate/gc/long.rego"}})
	said(pack(elsewhere)) == {["package is not the path", "data/gate/gc/pause"], ["no tests beside it", "gate/gc/long_test.rego"]}
	untested := object.union(object.remove(pack(described), {"namespaces"}), {"namespaces": {"data.gate.gc.pause": ["gate/gc/pause.rego"]}})
	said(untested) == {["no tests beside it", "gate/gc/pause_test.rego"]}
	strange := object.union(pack(described), {"namespaces": {"data.gate.x": ["gate/x.rego"], "data.gate.x_test": ["gate/x_test.rego"]}})
	said(strange) == {["package without METADATA", "data.gate.x"]}
}

test_findings_are_made_by_the_library if {
	every name in ["deny", "warn", "inconclusive"] {
		own := object.union(rule, {"name": name, "reaches": ["data.lib.reading.measured"]})
		said(object.union(pack(described), {"rules": [own]})) == {["a finding that is not made by data.lib.result.finding", name]}
	}
	check := object.union(rule, {"name": "checks", "reaches": []})
	said(object.union(pack(described), {"rules": [check]})) == set()
}
