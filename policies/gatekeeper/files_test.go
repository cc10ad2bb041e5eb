// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gatekeeper

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"gopkg.in/yaml.v3"

	"github.com/heapgate/heapgate/policies"
	"github.com/heapgate/heapgate/policies/gatekeeper/golden"
)

var update = flag.Bool("update", false, "write the generated files again")

var now = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// generated holds every file of this folder to what is made of the rules, and refuses those that nothing makes.
func generated(t *testing.T, want map[string][]byte) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		if _, ok := want[filepath.ToSlash(path)]; !ok {
			if *update {
				return os.Remove(path)
			}
			t.Errorf("%s is made of nothing: go test ./policies/gatekeeper -update", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range want {
		if *update {
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s is not what is made of the rules (%v): go test ./policies/gatekeeper -update", name, err)
		}
	}
}

func load(t *testing.T, limits map[string]any) *policies.Pack {
	t.Helper()
	pack, err := policies.Load(policies.Embedded(), limits)
	if err != nil {
		t.Fatal(err)
	}
	return pack
}

// exported are the files, the rules that have a template, and all golden cases.
func exported(t *testing.T) (map[string][]byte, []policies.Rule, []golden.Case) {
	t.Helper()
	files, skipped, err := Files(policies.Embedded())
	if err != nil {
		t.Fatal(err)
	}
	var rules []policies.Rule
	for _, rule := range load(t, nil).ManifestRules() {
		if !slices.ContainsFunc(skipped, func(s Skipped) bool { return s.ID == rule.ID }) {
			rules = append(rules, rule)
		}
	}
	cases, err := golden.Cases("../testdata", rules)
	if err != nil {
		t.Fatal(err)
	}
	return files, rules, cases
}

// judged is what Rego says of each case by its rule and name: asked once, since loading the rules is what takes time.
func judged(t *testing.T, cases []golden.Case) map[string]policies.Result {
	t.Helper()
	defaults, results := load(t, nil), map[string]policies.Result{}
	for _, c := range cases {
		pack := defaults
		if c.Limits != nil {
			pack = load(t, c.Limits)
		}
		result, err := pack.EvaluateManifest(t.Context(), c.Object, now)
		if err != nil {
			t.Fatalf("%s/%s: %v", c.Rule, c.Name, err)
		}
		results[c.Rule+"/"+c.Name] = result
	}
	return results
}

// expected is how many violations a template must say: a finding each that denies or cannot tell, and one for a rule that says nothing.
func expected(rule policies.Rule, result policies.Result) int {
	count := 0
	for _, f := range result.Findings {
		if f.ID == rule.ID && f.Kind != policies.Warn {
			count++
		}
	}
	if slices.Contains(result.Missing, rule.ID) {
		count++
	}
	return count
}

func TestFilesAreMadeOfTheRules(t *testing.T) {
	files, rules, cases := exported(t)
	for name, text := range suite(t, rules, cases) {
		files[name] = text
	}
	generated(t, files)
}

// compiled is a template's Rego as Gatekeeper compiles it: version 1, no network, libraries below data.lib.
func compiled(t *testing.T, template []byte) (*ast.Compiler, string) {
	t.Helper()
	var document struct {
		Metadata struct{ Name string }
		Spec     struct {
			Targets []struct {
				Code []struct {
					Engine string
					Source struct {
						Version, Rego string
						Libs          []string
					}
				}
			}
		}
	}
	if err := yaml.Unmarshal(template, &document); err != nil {
		t.Fatal(err)
	}
	code := document.Spec.Targets[0].Code[0]
	if code.Engine != "Rego" || code.Source.Version != "v1" {
		t.Fatalf("want Rego v1, got %s %s", code.Engine, code.Source.Version)
	}
	capabilities := ast.CapabilitiesForThisVersion()
	capabilities.AllowNet = []string{}
	modules := map[string]*ast.Module{}
	for i, text := range append([]string{code.Source.Rego}, code.Source.Libs...) {
		name := string(rune('a' + i))
		parsed, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{Capabilities: capabilities, RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if modules[name] = parsed; i > 0 && !strings.HasPrefix(parsed.Package.Path.String(), "data.lib.") {
			t.Errorf("a library must be below lib, got %s", parsed.Package.Path)
		}
		ast.WalkRefs(parsed, func(ref ast.Ref) bool {
			if !ref.Equal(parsed.Package.Path) && ref.HasPrefix(ast.DefaultRootRef) && !ref.HasPrefix(ast.MustParseRef("data.lib")) {
				t.Errorf("Gatekeeper refuses %s", ref)
			}
			return false
		})
	}
	compiler := ast.NewCompiler().WithCapabilities(capabilities).WithStrict(true)
	if compiler.Compile(modules); compiler.Failed() {
		t.Fatal(compiler.Errors)
	}
	return compiler, document.Metadata.Name
}

func violations(t *testing.T, query rego.PreparedEvalQuery, review, parameters map[string]any) []any {
	t.Helper()
	set, err := query.Eval(t.Context(), rego.EvalInput(map[string]any{"review": review, "parameters": parameters}))
	if err != nil || len(set) != 1 {
		t.Fatal(set, err)
	}
	return set[0].Expressions[0].Value.([]any)
}

// Every template on every golden case, not only on those of its rule: as many violations as the rule has findings.
func TestTemplatesSayWhatTheRulesSay(t *testing.T) {
	files, rules, cases := exported(t)
	denied, results := 0, judged(t, cases)
	for _, rule := range rules {
		t.Run(rule.ID, func(t *testing.T) {
			compiler, name := compiled(t, files["templates/"+strings.ToLower(rule.ID)+".yaml"])
			query, err := rego.New(rego.Compiler(compiler), rego.StrictBuiltinErrors(true), rego.Query("data."+name+".violation")).PrepareForEval(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range cases {
				parameters := map[string]any{}
				if c.Limits != nil {
					parameters["limits"] = c.Limits
				}
				review := map[string]any{"operation": "CREATE", "object": c.Object}
				said, want := violations(t, query, review, parameters), expected(rule, results[c.Rule+"/"+c.Name])
				if len(said) != want {
					t.Errorf("%s/%s: want %d violations, got %v", c.Rule, c.Name, want, said)
				}
				if denied += len(said); want == 0 {
					continue
				}
				first := said[0].(map[string]any)
				if message, _ := first["msg"].(string); !strings.HasPrefix(message, rule.ID+" ") {
					t.Errorf("%s/%s: want a message that begins with the rule's id, got %q", c.Rule, c.Name, message)
				}
				review["operation"] = "DELETE"
				if said := violations(t, query, review, parameters); len(said) != 0 {
					t.Errorf("%s/%s: deleting is judged: %v", c.Rule, c.Name, said)
				}
			}
			// No object, an empty one and one of no kind are never let through.
			for _, object := range []any{nil, map[string]any{}, map[string]any{"kind": "Pod"}} {
				if said := violations(t, query, map[string]any{"object": object}, nil); len(said) == 0 {
					t.Errorf("%v passes", object)
				}
			}
			owned := map[string]any{"kind": "Pod", "metadata": map[string]any{"ownerReferences": []any{map[string]any{"kind": "ReplicaSet", "controller": true}}}}
			if said := violations(t, query, map[string]any{"object": owned}, nil); len(said) != 0 {
				t.Errorf("the pod of a ReplicaSet is judged besides its Deployment: %v", said)
			}
		})
	}
	if denied < 10 {
		t.Errorf("only %d violations in all cases", denied)
	}
}

func TestPacksThatCannotBeWritten(t *testing.T) {
	rules := []policies.Rule{{ID: "X-001", Package: "manifest.x"}}
	for name, test := range map[string]struct{ body, want string }{
		"related":     {"deny contains 1 if input.related", errRelated.Error()},
		"other rules": {"deny contains 1 if data.manifest.y.deny", "cannot be exported"},
		"by index":    {`deny contains 1 if data["limits"].x`, `want "data.limits"`},
		"by import":   {"import data.manifest.y\ndeny contains 1 if y.deny", "cannot be exported"},
	} {
		t.Run(name, func(t *testing.T) {
			text := "# METADATA\n# title: x\npackage manifest.x\n" + test.body + "\n"
			parsed, err := ast.ParseModuleWithOpts("x.rego", text, ast.ParserOptions{RegoVersion: ast.RegoV1})
			if err != nil {
				t.Fatal(err)
			}
			_, err = tree{"manifest.x": {"x.rego", text, parsed}}.template(rules[0], nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want an error that says %q, got %v", test.want, err)
			}
		})
	}
}
