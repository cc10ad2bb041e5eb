// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package vap

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	kyaml "sigs.k8s.io/yaml"

	"github.com/heapgate/heapgate/policies"
	"github.com/heapgate/heapgate/policies/gatekeeper/golden"
)

var update = flag.Bool("update", false, "write the generated files again")

var now = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

func embedded(t *testing.T) *policies.Pack {
	t.Helper()
	pack, err := policies.Load(policies.Embedded(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return pack
}

// celCase is what the module of folder cel reads: an object, and by rule whether Rego lets it pass.
type celCase struct {
	Name   string          `yaml:"name"`
	Object map[string]any  `yaml:"object"`
	Passes map[string]bool `yaml:"passes"`
}

// cases are all golden cases that a review can show, each with what all rules of CEL say of it in Rego.
func cases(t *testing.T, pack *policies.Pack) []byte {
	t.Helper()
	all, err := golden.Cases("../testdata", pack.ManifestRules())
	if err != nil {
		t.Fatal(err)
	}
	var made []celCase
	seen := false
	for _, c := range all {
		if c.Limits != nil || c.Name == "passing" && seen {
			continue
		}
		seen = seen || c.Name == "passing"
		result, err := pack.EvaluateManifest(t.Context(), c.Object, now)
		if err != nil {
			t.Fatalf("%s/%s: %v", c.Rule, c.Name, err)
		}
		passes := map[string]bool{}
		for id := range conditions {
			stops := func(f policies.Finding) bool { return f.ID == id && f.Kind != policies.Warn }
			passes[id] = !slices.ContainsFunc(result.Findings, stops) && !slices.Contains(result.Missing, id)
		}
		made = append(made, celCase{c.Rule + "/" + c.Name, c.Object, passes})
	}
	text, err := yaml.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte(strings.Replace(head, "heapgate policies export vap", "go test ./policies/vap -update", 1)), text...)
}

func TestFilesAreMadeOfTheRules(t *testing.T) {
	pack := embedded(t)
	files, err := Files(pack)
	if err != nil {
		t.Fatal(err)
	}
	files["cel/testdata/cases.yaml"] = cases(t, pack)
	old, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range old {
		if files[name] == nil {
			t.Errorf("%s is made of nothing", name)
		}
	}
	for name, text := range files {
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
			t.Errorf("%s is not what is made of the rules (%v): go test ./policies/vap -update", name, err)
		}
	}
}

// Every condition is of a rule, every policy is one that the API server knows down to its last field, and its binding warns.
func TestPoliciesAreBoundAndFailClosed(t *testing.T) {
	files, err := Files(embedded(t))
	if err != nil {
		t.Fatal(err)
	}
	for id := range conditions {
		text, ok := files[strings.ToLower(id)+".yaml"]
		if !ok {
			t.Errorf("%s is no rule: what CEL says of it is dead", id)
			continue
		}
		documents := strings.Split(string(text), "\n---\n")
		var policy admissionv1.ValidatingAdmissionPolicy
		var binding admissionv1.ValidatingAdmissionPolicyBinding
		if err := kyaml.UnmarshalStrict([]byte(documents[0]), &policy); err != nil {
			t.Error(err)
		}
		if err := kyaml.UnmarshalStrict([]byte(documents[1]), &binding); err != nil {
			t.Error(err)
		}
		if binding.Spec.PolicyName != policy.Name || *policy.Spec.FailurePolicy != admissionv1.Fail ||
			!slices.Equal(binding.Spec.ValidationActions, []admissionv1.ValidationAction{admissionv1.Warn, admissionv1.Audit}) {
			t.Errorf("%s: %+v %+v", id, policy.Spec, binding.Spec)
		}
	}
}
