// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gatekeeper

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/heapgate/heapgate/policies"
	"github.com/heapgate/heapgate/policies/gatekeeper/golden"
)

// suite is the suite of gator: each rule's own cases, and the objects and constraints that it reads.
func suite(t *testing.T, rules []policies.Rule, cases []golden.Case) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	write := func(name string, value any) {
		text, err := yaml.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = append([]byte(strings.Replace(head, "heapgate policies export gatekeeper", "go test ./policies/gatekeeper -update", 1)), text...)
	}
	tests, results := []any{}, judged(t, cases)
	for _, rule := range rules {
		low := strings.ToLower(rule.ID)
		base := map[string]any{"name": low, "template": "templates/" + low + ".yaml", "constraint": "constraints/" + low + ".yaml"}
		own := []any{}
		for _, c := range cases {
			if c.Rule != rule.ID {
				continue
			}
			name := "testdata/" + low + "/" + c.Name + ".yaml"
			write(name, c.Object)
			made := map[string]any{"name": c.Name, "object": name, "assertions": []any{map[string]any{"violations": expected(rule, results[c.Rule+"/"+c.Name])}}}
			if c.Limits == nil {
				own = append(own, made)
				continue
			}
			var constrained map[string]any
			if err := yaml.Unmarshal(constraint(rule), &constrained); err != nil {
				t.Fatal(err)
			}
			constrained["spec"].(map[string]any)["parameters"] = map[string]any{"limits": c.Limits}
			name = "testdata/" + low + "/" + c.Name + ".constraint.yaml"
			write(name, constrained)
			tests = append(tests, map[string]any{"name": low + "_" + c.Name, "template": base["template"], "constraint": name, "cases": []any{made}})
		}
		base["cases"] = own
		tests = append(tests, base)
	}
	write("suite.yaml", map[string]any{"apiVersion": "test.gatekeeper.sh/v1alpha1", "kind": "Suite", "metadata": map[string]any{"name": "heapgate-manifest-rules"}, "tests": tests})
	return files
}
