// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gopkg.in/yaml.v3"
)

// said is a finding in expected.yaml. Severity and msg are constants of the rule and tested beside it.
type said struct {
	Kind   Kind           `yaml:"kind"`
	ID     string         `yaml:"id"`
	Signal string         `yaml:"signal"`
	Target string         `yaml:"target,omitempty"`
	Value  *float64       `yaml:"value"`
	Limit  *float64       `yaml:"limit"`
	Unit   string         `yaml:"unit,omitempty"`
	Facts  map[string]any `yaml:"facts"`
}

const expectedHead = "# Copyright The heapgate authors\n# SPDX-License-Identifier: Apache-2.0\n\n" +
	"# What all rules say of input.yaml. Written by go test ./policies -update, reviewed by eye.\n"

// Each folder testdata/<rule>/<case> holds input.yaml, what differs from the passing evidence (a map site is a difference from the
// passing one) or, for a rule of manifests, from the passing Deployment, and maybe limits.yaml.
func TestGoldenCases(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*/*/input.yaml")
	if err != nil {
		t.Fatal(err)
	}
	hasCase := map[string]bool{}
	for _, input := range inputs {
		folder := filepath.Dir(input)
		t.Run(folder, func(t *testing.T) {
			hasCase[filepath.Base(filepath.Dir(folder))] = true
			limits, err := os.ReadFile(filepath.Join(folder, "limits.yaml"))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			overrides, err := ParseLimits(limits)
			if err != nil {
				t.Fatal(err)
			}
			result, err := caseResult(t, mustLoad(t, overrides), folder)
			if err != nil {
				t.Fatal(err)
			}
			findings := []said{}
			for _, f := range result.Findings {
				findings = append(findings, said{f.Kind, f.ID, f.Signal, f.Target, f.Value, f.Limit, f.Unit, f.Facts})
			}
			text, err := yaml.Marshal(map[string]any{"findings": findings, "missing": result.Missing})
			if err != nil {
				t.Fatal(err)
			}
			generated(t, filepath.Join(folder, "expected.yaml"), expectedHead+string(text))
		})
	}
	for _, rule := range allRules(mustLoad(t, nil)) {
		if !hasCase[rule.ID] {
			t.Errorf("%s has no case in testdata/%s", rule.ID, rule.ID)
		}
		delete(hasCase, rule.ID)
	}
	for folder := range hasCase {
		t.Errorf("testdata/%s is the folder of no rule", folder)
	}
}

// caseResult asks the room that the folder's rule is in.
func caseResult(t *testing.T, pack *Pack, folder string) (Result, error) {
	t.Helper()
	for _, rule := range pack.ManifestRules() {
		if rule.ID == filepath.Base(filepath.Dir(folder)) {
			return pack.EvaluateManifest(t.Context(), merge(deployment(t), readYAML(t, filepath.Join(folder, "input.yaml"))), now)
		}
	}
	return pack.Evaluate(t.Context(), caseEvidence(t, folder), now)
}

func allRules(pack *Pack) []Rule { return slices.Concat(pack.Rules(), pack.ManifestRules()) }

func caseEvidence(t *testing.T, folder string) map[string]any {
	t.Helper()
	patch := readYAML(t, filepath.Join(folder, "input.yaml"))
	site := passing(t)["map_sites"].([]any)[0].(map[string]any)
	if sites, ok := patch["map_sites"].([]any); ok {
		for i := range sites {
			sites[i] = merge(site, sites[i].(map[string]any))
		}
	}
	return patched(t, patch)
}
