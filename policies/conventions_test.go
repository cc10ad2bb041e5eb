// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// inspected is what checks/conventions.rego reads: what `opa inspect -a -f json` says of the folder, and the rules.
type inspected struct {
	Annotations []*ast.AnnotationsRef `json:"annotations"`
	Namespaces  map[string][]string   `json:"namespaces"`
	Rules       []inspectedRule       `json:"rules"`
}

// inspectedRule is one rule of a package of gate or manifest, and the rules that it uses, however many steps away.
type inspectedRule struct {
	File    string   `json:"file"`
	Name    string   `json:"name"`
	Reaches []string `json:"reaches"`
}

func inspect(t *testing.T) inspected {
	t.Helper()
	modules := parse(t, regoText(t))
	all := inspected{Namespaces: map[string][]string{}}
	var parsed []*ast.Module
	for file, module := range modules {
		name := module.Package.Path.String()
		all.Namespaces[name] = append(all.Namespaces[name], file)
		parsed = append(parsed, module)
	}
	set, failures := ast.BuildAnnotationSet(parsed)
	if len(failures) > 0 {
		t.Fatal(failures)
	}
	all.Annotations = set.Flatten()
	compiler := newCompiler(embeddedSchemas(t))
	if compiler.Compile(modules); compiler.Failed() {
		t.Fatal(compiler.Errors)
	}
	for file, module := range compiler.Modules {
		if isTest(file) || !strings.HasPrefix(file, "gate/") && !strings.HasPrefix(file, "manifest/") {
			continue
		}
		for _, rule := range module.Rules {
			all.Rules = append(all.Rules, reached(compiler, file, rule))
		}
	}
	return all
}

func reached(compiler *ast.Compiler, file string, from *ast.Rule) inspectedRule {
	seen := map[string]bool{}
	queue := []*ast.Rule{from}
	visited := map[*ast.Rule]bool{from: true}
	for len(queue) > 0 {
		rule := queue[0]
		queue = queue[1:]
		seen[rule.Ref().GroundPrefix().String()] = true
		for next := range compiler.Graph.Dependencies(rule) {
			if one, ok := next.(*ast.Rule); ok && !visited[one] {
				visited[one] = true
				queue = append(queue, one)
			}
		}
	}
	return inspectedRule{File: file, Name: from.Head.Ref().String(), Reaches: slices.Sorted(maps.Keys(seen))}
}

func TestConventions(t *testing.T) {
	text, err := json.Marshal(inspect(t))
	if err != nil {
		t.Fatal(err)
	}
	var input any
	if err := json.Unmarshal(text, &input); err != nil {
		t.Fatal(err)
	}
	set, err := rego.New(
		rego.Query("data.checks.conventions.problem"), rego.Module("checks/conventions.rego", regoText(t)["checks/conventions.rego"]),
		rego.Input(input), rego.StrictBuiltinErrors(true), rego.Capabilities(capabilities()),
	).Eval(t.Context())
	if err != nil || len(set) != 1 {
		t.Fatal(set, err)
	}
	for _, problem := range set[0].Expressions[0].Value.([]any) {
		t.Errorf("%v", problem)
	}
	// The query must have had something to judge.
	got := inspect(t)
	packages := 0
	for _, one := range got.Annotations {
		if one.Annotations.Scope == "package" && one.Path.HasPrefix(ast.MustParseRef("data.gate")) {
			packages++
		}
	}
	if packages != len(mustLoad(t, nil).Rules()) || len(got.Rules) < 5*packages {
		t.Errorf("want every rule of gate inspected, got %d packages and %d rules", packages, len(got.Rules))
	}
}
