// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestLimitsThatAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ yaml, want string }{
		"no YAML":             {"limits: [", "want a YAML mapping"},
		"a list":              {"- 1", "want a YAML mapping"},
		"two documents":       {"limits: {}\n---\nlimits: {}", "want one YAML document"},
		"key used twice":      {"limits: {gc_cpu_share: 0.1, gc_cpu_share: 0.2}", "already defined"},
		"no key limits":       {"gc_cpu_share: 0.1", "unknown top-level key \"gc_cpu_share\""},
		"limits is a number":  {"limits: 1", "want a mapping"},
		"unknown limit":       {"limits: {gc_cpu_shrae: 0.1}", "unknown limit limits.gc_cpu_shrae; known here: comparison, evidence, exceptions, gc_cpu_share,"},
		"unknown inner limit": {"limits: {map_growth: {rate: 1}}", "unknown limit limits.map_growth.rate; known here: min_doublings,"},
		"number for a map":    {"limits: {map_growth: 1}", "limit limits.map_growth: want a value of the kind of its default"},
		"map for a number":    {"limits: {gc_cpu_share: {a: 1}}", "limit limits.gc_cpu_share: want a value of the kind of its default 0.25"},
		"text for a number":   {"limits: {gc_cpu_share: high}", "limits.gc_cpu_share: Invalid type"},
		"null":                {"limits: {gc_cpu_share: null}", "limits.gc_cpu_share: Invalid type"},
		"NaN":                 {"limits: {gc_cpu_share: .nan}", "limits.gc_cpu_share: Invalid type"},
		"infinity":            {"limits: {gc_pause_p99_seconds: .inf}", "limits.gc_pause_p99_seconds: Invalid type"},
		"percent for a share": {"limits: {gc_cpu_share: 25}", "limits.gc_cpu_share: Must be less than or equal to 1"},
		"zero share":          {"limits: {heap_live_share: 0}", "limits.heap_live_share: Must be greater than 0"},
		"negative rate":       {"limits: {map_growth: {min_rate: -1}}", "limits.map_growth.min_rate: Must be greater than or equal to 0"},
		"half a window":       {"limits: {evidence: {min_windows: 1.5}}", "limits.evidence.min_windows: Invalid type"},
		"no window needed":    {"limits: {evidence: {min_windows: 0}}", "limits.evidence.min_windows: Must be greater"},
		"no target needed":    {"limits: {evidence: {min_targets: 0}}", "limits.evidence.min_targets: Must be greater"},
		"nothing required":    {"limits: {evidence: {required: []}}", "limits.evidence.required: Array must have at least 1 items"},
		"unknown signal":      {"limits: {evidence: {required: [gc_cpu]}}", "limits.evidence.required.0"},
		"no keys but numbers": {"limits: {1: 2}", "want a mapping"},
		"too large":           {strings.Repeat("# ", maxFileBytes), "larger than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			limits, err := ParseLimits([]byte(test.yaml))
			if err == nil {
				_, err = Load(Embedded(), limits)
				var compile *CompileError
				if !errors.As(err, &compile) {
					t.Errorf("want a *CompileError, got %v", err)
				}
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want %q, got %v", test.want, err)
			}
		})
	}
}

func TestLimitsThatChangeNothing(t *testing.T) {
	want := mustLoad(t, nil).Digest()
	for _, text := range []string{"", "# nothing", "limits:", "limits: {}", "limits: {map_growth: {}}", "{}"} {
		limits, err := ParseLimits([]byte(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if got := mustLoad(t, limits).Digest(); got != want {
			t.Errorf("%q: want the digest of the defaults", text)
		}
	}
}

func TestListIsReplacedAsAWhole(t *testing.T) {
	limits, err := ParseLimits([]byte("limits: {evidence: {required: [cycles]}}"))
	if err != nil {
		t.Fatal(err)
	}
	pack := mustLoad(t, limits)
	evidence := patched(t, signal("windows", map[string]any{"coverage": math.NaN()}))
	result, err := pack.Evaluate(t.Context(), evidence, now)
	if err != nil || len(result.Findings) != 0 {
		t.Errorf("want only cycles to be required, got %+v, %v", result.Findings, err)
	}
}

func TestLimitIsTheEffectiveOne(t *testing.T) {
	pack, err := Load(Embedded(), map[string]any{"map_growth": map[string]any{"min_windows": 5}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path []string
		want float64
		ok   bool
	}{
		"replaced": {[]string{"map_growth", "min_windows"}, 5, true},
		"default":  {[]string{"gc_cpu_share"}, 0.25, true},
		"a branch": {[]string{"map_growth"}, 0, false},
		"unknown":  {[]string{"gc_cpu_share", "x"}, 0, false},
	} {
		if got, ok := pack.Limit(c.path...); got != c.want || ok != c.ok {
			t.Errorf("%s: %v, %v; want %v, %v", name, got, ok, c.want, c.ok)
		}
	}
}
