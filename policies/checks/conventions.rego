# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Conventions of this pack
# description: |
#   What every rule of this pack has beside being right. The input is what `opa inspect -a -f json` says of the folder, and under rules
#   what each set of a rule's package reaches, as the compiler knows it. Each problem is {file, problem, got}.
package checks.conventions

sets := {"checks", "deny", "warn", "inconclusive"}

needed := {"id", "severity", "signal", "failure_msg", "solution"}

optional := {"avoid", "prefer", "exceptions", "effective_on", "collections"}

# What the ids of a room begin with.
prefixes := {"gate": {"ALLOC", "EVID", "EXC", "GC", "HEAD", "HEAP", "LEAK", "MAP"}, "manifest": {"GOMEM", "IMAGE"}}

packages := [described |
	some described in input.annotations
	described.annotations.scope == "package"
	room(described) in {"gate", "manifest"}
]

path(described) := [part.value | some part in described.path]

room(described) := path(described)[1]

custom(described) := object.get(described.annotations, "custom", {})

id(described) := object.get(custom(described), "id", "")

files := {file | some paths in input.namespaces; some file in paths}

problem contains at(described, "id", id(described)) if {
	some described in packages
	not regex.match(`^[A-Z]{2,6}-[0-9]{3}$`, id(described))
}

problem contains at(described, "prefix of the id", id(described)) if {
	some described in packages
	not split(id(described), "-")[0] in prefixes[room(described)]
}

problem contains at(described, "id used twice", id(described)) if {
	some i, described in packages
	some j, other in packages
	i != j
	id(described) == id(other)
}

problem contains at(described, "missing custom field", name) if {
	some described in packages
	some name in needed
	trim_space(text(described, name)) == ""
}

problem contains at(described, "unknown custom field", name) if {
	some described in packages
	some name, _ in custom(described)
	not name in (needed | optional)
}

problem contains at(described, "title", title) if {
	some described in packages
	title := object.get(described.annotations, "title", "")
	not regex.match(`^[A-Z][^\n]{3,78}[^.\n]$`, title)
}

# failure_msg is what conftest and Gatekeeper show: one constant text, which begins small and has no template in it.
problem contains at(described, "failure_msg", text(described, "failure_msg")) if {
	some described in packages
	not regex.match(`^[^\n%{}]{3,78}[^.\n%{}]$`, text(described, "failure_msg"))
}

problem contains at(described, "no sentence", name) if {
	some described in packages
	some name in {"solution", "exceptions"}
	given := trim_space(text(described, name))
	given != ""
	not regex.match("[.`)]$", given)
}

problem contains at(described, "package is not the path", concat("/", path(described))) if {
	some described in packages
	concat("/", array.slice(path(described), 1, 9)) != trim_suffix(described.location.file, ".rego")
}

problem contains at(described, "no tests beside it", replace(described.location.file, ".rego", "_test.rego")) if {
	some described in packages
	not replace(described.location.file, ".rego", "_test.rego") in files
}

problem contains {"file": concat(", ", paths), "problem": "package without METADATA", "got": name} if {
	some name, paths in input.namespaces
	regex.match(`^data\.(gate|manifest)\.`, name)
	not endswith(name, "_test")
	not name in {concat(".", path(described)) | some described in packages}
}

problem contains {"file": rule.file, "problem": "a finding that is not made by data.lib.result.finding", "got": rule.name} if {
	some rule in input.rules
	rule.name in (sets - {"checks"})
	not "data.lib.result.finding" in rule.reaches
}

text(described, name) := object.get(custom(described), name, "")

at(described, what, got) := {"file": described.location.file, "problem": what, "got": got}
