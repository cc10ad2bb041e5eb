// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func withModes(t *testing.T, modes map[string]any) *Pack {
	t.Helper()
	return mustLoad(t, map[string]any{"modes": modes})
}

func TestModeIsInTheFinding(t *testing.T) {
	bad := patched(t, map[string]any{"signals": map[string]any{
		"gc_cpu_share": map[string]any{"value": 0.5}, "limit_pressure": map[string]any{"value": nil, "reason": "gap"},
	}})
	pack := withModes(t, map[string]any{"GC-001": "dryrun", "GC-003": "warn", "EVID-001": "enforce"})
	result, err := pack.Evaluate(t.Context(), bad, now)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Mode{}
	for _, f := range result.Findings {
		got[string(f.Kind)+" "+f.ID] = f.Mode
	}
	want := map[string]Mode{"deny GC-001": DryRun, "inconclusive GC-003": Caution, "inconclusive EVID-001": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if modes := pack.Modes(now); modes["GC-001"] != DryRun || modes["MAP-001"] != Enforce || len(modes) != len(allRules(pack)) {
		t.Errorf("got the modes %v", modes)
	}
}

func TestModesChangeTheDigestAndNothingElse(t *testing.T) {
	plain, dry := mustLoad(t, nil), withModes(t, map[string]any{"GC-001": "dryrun"})
	if plain.Digest() == dry.Digest() {
		t.Error("want a mode to be part of the digest")
	}
	bad := patched(t, signal("gc_cpu_share", map[string]any{"value": 0.5}))
	a, err := plain.Evaluate(t.Context(), bad, now)
	b, errToo := dry.Evaluate(t.Context(), bad, now)
	if err != nil || errToo != nil {
		t.Fatal(err, errToo)
	}
	b.Findings[0].Mode = ""
	if diff := cmp.Diff(a, b); diff != "" {
		t.Error(diff)
	}
}

func TestModesThatAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		limits map[string]any
		want   string
	}{
		"unknown rule": {map[string]any{"modes": map[string]any{"GC-999": "warn"}}, `there is no rule "GC-999"; known: ALLOC-001, EVID-001`},
		"unknown word": {map[string]any{"modes": map[string]any{"GC-001": "off"}}, "limits.modes.GC-001"},
		"no word":      {map[string]any{"modes": map[string]any{"GC-001": nil}}, "limits.modes.GC-001"},
		"no mapping":   {map[string]any{"modes": "warn"}, "limit limits.modes: want a value of the kind"},
	} {
		_, err := Load(Embedded(), test.limits)
		var compile *CompileError
		if !errors.As(err, &compile) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: want %q, got %v", name, test.want, err)
		}
	}
	// A pack of somebody else's may not check its limits.
	if _, err := parseModes(map[string]any{"modes": map[string]any{"X-001": 1}}, []Rule{{ID: "X-001"}}); err == nil {
		t.Error("want a mode that is no text to be refused")
	}
}

func TestEffectiveOn(t *testing.T) {
	load := func(date string) (*Pack, error) {
		head := strings.Replace(ruleHead, "#   severity:", "#   effective_on: "+date+"\n#   severity:", 1)
		return Load(files(t, map[string]string{"gate/x.rego": head + checked + "deny contains " + strings.Replace(finding, `"value": null`, `"value": 1`, 1) + "\n"}), nil)
	}
	pack, err := load(`"2026-12-24"`)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)
	for when, want := range map[time.Time]Mode{at.Add(-1): Caution, at: "", at.Add(time.Hour): ""} {
		result, err := pack.Evaluate(t.Context(), passing(t), when)
		if err != nil || len(result.Findings) != 1 || result.Findings[0].Mode != want {
			t.Errorf("%s: want the mode %q, got %+v, %v", when, want, result.Findings, err)
		}
	}
	// What the user says counts more than the date.
	pack.modes = map[string]Mode{"X-001": Enforce}
	if got := pack.Modes(at.Add(-time.Hour))["X-001"]; got != Enforce {
		t.Errorf("got %s", got)
	}
	if _, err := load(`"2026-12-24T12:00:00+01:00"`); err != nil {
		t.Error(err)
	}
	for _, date := range []string{"soon", "24.12.2026", `"2026-13-01"`, "7", "true", `""`} {
		if _, err := load(date); err == nil || !strings.Contains(err.Error(), "custom.effective_on") {
			t.Errorf("%s: want an error, got %v", date, err)
		}
	}
}

func TestRuleHasNoSayInItsMode(t *testing.T) {
	_, err := loadRule(t, checked+"deny contains object.union("+finding+", {\"mode\": \"dryrun\"})\n").Evaluate(t.Context(), passing(t), now)
	evalError(t, err, "a rule has no say in its mode")
}

func TestTier(t *testing.T) {
	pack := mustLoad(t, map[string]any{"tiers": map[string]any{
		"gold": map[string]any{"inconclusive": "hold", "outage": "open", "opens": 1}, "standard": map[string]any{"opens": 9},
	}})
	for name, want := range map[string]Tier{
		"critical": {"hold", "hold", 0}, "standard": {"warn", "open", 9}, "best_effort": {"warn", "warn", 0}, "gold": {"hold", "open", 1},
	} {
		if got, err := pack.Tier(name); got != want || err != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "silver", "Critical"} {
		got, err := pack.Tier(name)
		if err == nil || got != (Tier{}) || !strings.Contains(err.Error(), "known: best_effort, critical, gold, standard") {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := (&Pack{}).Tier("critical"); err == nil {
		t.Error("want no tier in a pack without tiers")
	}
	for _, tier := range []map[string]any{{"inconclusive": "open", "outage": "open", "opens": 1}, {"inconclusive": "warn", "outage": "shut", "opens": 1}, {"inconclusive": "warn", "outage": "open", "opens": -1}, {"outage": "open"}} {
		if _, err := Load(Embedded(), map[string]any{"tiers": map[string]any{"gold": tier}}); err == nil {
			t.Errorf("want %v to be refused", tier)
		}
	}
}
