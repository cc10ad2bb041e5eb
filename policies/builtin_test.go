// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// loadWithEveryCheck loads the rules of this version as if they came from outside.
func loadWithEveryCheck(t *testing.T) *Pack {
	t.Helper()
	src, err := readSource(Embedded())
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := src.parseSchemas()
	if err != nil {
		t.Fatal(err)
	}
	modules, compiled, err := compileAll(src.modules, schemas)
	if err != nil {
		t.Fatalf("the rules of this version do not pass every check: %v", err)
	}
	pack := *mustLoad(t, nil)
	rules, documents, err := discover(modules)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.Concat(pack.gate.rules, pack.manifest.rules), rules, cmp.Transformer("sorted", sortedByID)); diff != "" {
		t.Error(diff)
	}
	for name, made := range map[string]*room{"gate": &pack.gate, "manifest": &pack.manifest} {
		own := maps.Clone(documents)
		maps.DeleteFunc(own, func(pkg string, _ []string) bool { return roomOf(pkg) != name })
		if made.query, err = compiled(name, own, pack.limits); err != nil {
			t.Fatal(err)
		}
	}
	return &pack
}

func sortedByID(rules []Rule) map[string]Rule {
	byID := map[string]Rule{}
	for _, rule := range rules {
		byID[rule.ID] = rule
	}
	return byID
}

// Types are not checked again when the rules of this version are loaded, so they are here; and what is compiled without answers the same.
func TestRulesOfThisVersionPassEveryCheck(t *testing.T) {
	quick, checked := mustLoad(t, nil), loadWithEveryCheck(t)
	for name, patch := range map[string]map[string]any{
		"passing": {},
		"failing": {"signals": map[string]any{"gc_cpu_share": map[string]any{"value": 0.9}, "heap_live_bytes": map[string]any{"value": 1e12}}},
		"absent":  {"signals": map[string]any{"cycles": map[string]any{"value": nil, "reason": "gap"}}},
	} {
		want, err := checked.Evaluate(t.Context(), patched(t, patch), now)
		if err != nil {
			t.Fatal(err)
		}
		got, err := quick.Evaluate(t.Context(), patched(t, patch), now)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	for _, kind := range []string{"Deployment", "Pod"} {
		object := merge(deployment(t), map[string]any{"kind": kind})
		want, err := checked.EvaluateManifest(t.Context(), object, now)
		if err != nil {
			t.Fatal(err)
		}
		got, err := quick.EvaluateManifest(t.Context(), object, now)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", kind, err, diff)
		}
	}
}

// One byte more or less in a rule, a schema, or one file more: from outside, with every check. Limits are checked each time.
func TestOnlyTheSameBytesAreBuiltIn(t *testing.T) {
	builtIn := func(changes map[string]string) bool {
		src, err := readSource(files(t, changes))
		if err != nil {
			t.Fatal(err)
		}
		return src.isBuiltIn()
	}
	if !builtIn(nil) || !builtIn(map[string]string{"data/defaults.yaml": "limits: {}"}) {
		t.Error("want the embedded rules to be built in, whatever the limits")
	}
	for name, file := range files(t, nil) {
		if !isTest(name) && name != "data/defaults.yaml" && builtIn(map[string]string{name: string(file.Data) + "\n"}) {
			t.Errorf("%s: want a changed file to be one from outside", name)
		}
	}
	for name, changes := range map[string]map[string]string{
		"new rule": rule(checked), "new schema": {"schemas/x.json": "{}"}, "no rule": {"gate/gc/pause.rego": ""}, "no schema": {"schemas/exception.json": ""},
	} {
		if builtIn(changes) {
			t.Errorf("%s: want it to be from outside", name)
		}
	}
}

// A room is compiled with the libraries that its imports reach. One that is not there would be undefined in silence.
func TestReferenceThatIsNotCompiledIsAnError(t *testing.T) {
	src, err := readSource(files(t, rule(checked+"deny contains x if x := data.lib.quantity.none\n")))
	if err != nil {
		t.Fatal(err)
	}
	_, compiled, err := compileLater(src.modules)
	if err != nil {
		t.Fatal(err)
	}
	query, err := compiled("gate", map[string][]string{"gate.x": {"deny"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := query(); err == nil || !strings.Contains(err.Error(), "data.lib.quantity.none is not part of the pack") {
		t.Errorf("want the reference to be refused, got %v", err)
	}
}
