// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

const gatekeeper = "admission/gatekeeper"

func readDocuments(t *testing.T, name string) []object {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(gatekeeper, name))
	if err != nil {
		t.Fatal(err)
	}
	return documents(t, text)
}

// constraintTemplate is the Rego of the ConstraintTemplate, compiled as Gatekeeper compiles it: version 1, no network.
func constraintTemplate(t *testing.T) *ast.Compiler {
	t.Helper()
	source := object(readDocuments(t, "template.yaml")[0].at("spec", "targets", "0", "code", "0").(map[string]any))
	if source.text("engine") != "Rego" || source.text("source", "version") != "v1" {
		t.Fatalf("want Rego v1, got %v", source)
	}
	capabilities := ast.CapabilitiesForThisVersion()
	capabilities.AllowNet = []string{}
	parsed, err := ast.ParseModuleWithOpts("template.rego", source.text("source", "rego"), ast.ParserOptions{Capabilities: capabilities, RegoVersion: ast.RegoV1})
	if err != nil {
		t.Fatal(err)
	}
	compiler := ast.NewCompiler().WithCapabilities(capabilities).WithStrict(true)
	if compiler.Compile(map[string]*ast.Module{"template.rego": parsed}); compiler.Failed() {
		t.Fatal(compiler.Errors)
	}
	return compiler
}

// inventory is data.inventory as Gatekeeper keeps it: namespace, group and version, kind, name.
func inventory(t *testing.T, files []any) map[string]any {
	t.Helper()
	namespaces := map[string]any{}
	for _, file := range files {
		for _, o := range readDocuments(t, file.(string)) {
			if o.kind() == "ConfigMap" {
				namespaces[o.text("metadata", "namespace")] = map[string]any{"v1": map[string]any{"ConfigMap": map[string]any{o.name(): map[string]any(o)}}}
			}
		}
	}
	return map[string]any{"inventory": map[string]any{"namespace": namespaces}}
}

// review is what Gatekeeper asks: the request of an AdmissionReview, or, in its audit, an object alone.
func review(o object) map[string]any {
	if request, ok := o["request"].(map[string]any); ok {
		return request
	}
	return map[string]any{"object": map[string]any(o), "kind": map[string]any{"kind": o.kind()}}
}

// The cases of suite.yaml, which `gator verify` runs as well. Namespaces are the constraint's matter and not the template's.
func TestGatekeeperTemplate(t *testing.T) {
	compiler, suite := constraintTemplate(t), readDocuments(t, "suite.yaml")[0]
	cases := suite.at("tests", "0", "cases").([]any)
	if len(cases) < 14 {
		t.Errorf("only %d cases", len(cases))
	}
	for _, c := range cases {
		test := object(c.(map[string]any))
		if test.text("name") == "free_namespace" {
			continue
		}
		t.Run(test.text("name"), func(t *testing.T) {
			store := inmem.NewFromObject(inventory(t, test["inventory"].([]any)))
			input := map[string]any{"review": review(readDocuments(t, test.text("object"))[0])}
			set, err := rego.New(rego.Compiler(compiler), rego.Store(store), rego.StrictBuiltinErrors(true), rego.Input(input),
				rego.Query("data.heapgateverdict.violation")).Eval(t.Context())
			if err != nil || len(set) != 1 {
				t.Fatal(set, err)
			}
			violations := set[0].Expressions[0].Value.([]any)
			message, _ := test.at("assertions", "0", "message").(string)
			switch {
			case message == "" && len(violations) != 0:
				t.Errorf("want it to pass, got %v", violations)
			case message != "" && (len(violations) != 1 || !regexp.MustCompile(message).MatchString(violations[0].(map[string]any)["msg"].(string))):
				t.Errorf("want one violation that says %q, got %v", message, violations)
			}
		})
	}
}

func TestGatekeeperConstraintsAreTheTwoModes(t *testing.T) {
	all := render(t, gatekeeper)
	for _, mode := range []string{"deny", "warn"} {
		constraint := one(t, all, "HeapgateVerdict", "heapgate-verdict-"+mode)
		if constraint.text("spec", "enforcementAction") != mode ||
			object(constraint.at("spec", "match", "namespaceSelector", "matchLabels").(map[string]any)).text("heapgate.dev/enforce") != mode {
			t.Errorf("%s: %v", mode, constraint["spec"])
		}
	}
	if gvk := one(t, all, "SyncSet", "").at("spec", "gvks", "0"); object(gvk.(map[string]any)).kind() != "ConfigMap" {
		t.Errorf("the rule reads ConfigMaps, and copied is %v", gvk)
	}
}
