// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func in(mode Mode, f Finding) Finding {
	f.Mode = mode
	return f
}

func TestModesAndExceptions(t *testing.T) {
	rules := []string{"A", "B"}
	let := map[string]string{"A": "ok"}
	for name, tt := range map[string]struct {
		in          Input
		want, would Outcome
		kinds       []Kind
		summary     string
	}{
		"deny in mode warn":         {Input{Findings: []Finding{in(Caution, deny("A"))}}, Pass, Fail, []Kind{KindWarn}, "pass: 2 rules hold for shop, with 1 warning: t [A]"},
		"deny in dry run":           {Input{Findings: []Finding{in(DryRun, deny("A"))}}, Pass, Fail, []Kind{KindDryRun}, "pass: 2 rules hold for shop, with 1 in dry run: would have failed: t [A]"},
		"absence in mode warn":      {Input{Findings: []Finding{in(Caution, absent("A", "x"))}}, Pass, Inconclusive, []Kind{KindWarn}, "pass: 2 rules hold for shop, with 1 warning: x is missing [A]"},
		"absence in dry run":        {Input{Findings: []Finding{in(DryRun, absent("A", "x"))}}, Pass, Inconclusive, []Kind{KindDryRun}, "pass: 2 rules hold for shop, with 1 in dry run: would be inconclusive: x is missing [A]"},
		"warning in dry run":        {Input{Findings: []Finding{in(DryRun, warn("A"))}}, Pass, Pass, []Kind{KindDryRun}, "pass: 2 rules hold for shop, with 1 in dry run: would have warned: t [A]"},
		"an unknown mode enforces":  {Input{Findings: []Finding{in("later", deny("A"))}}, Fail, Fail, []Kind{KindDeny}, "fail: t [A]"},
		"excepted deny":             {Input{Findings: []Finding{deny("A")}, Excepted: let}, Pass, Fail, []Kind{KindExcepted}, "pass: by the exception ok, would have failed: t [A]"},
		"excepted absence":          {Input{Findings: []Finding{absent("A", "x")}, Excepted: let}, Pass, Inconclusive, []Kind{KindExcepted}, "pass: by the exception ok, would be inconclusive: x is missing [A]"},
		"excepted warning":          {Input{Findings: []Finding{warn("A")}, Excepted: let}, Pass, Pass, []Kind{KindWarn}, "pass: 2 rules hold for shop, with 1 warning: t [A]"},
		"a mode uses no exception":  {Input{Findings: []Finding{in(Caution, deny("A"))}, Excepted: let}, Pass, Fail, []Kind{KindWarn}, "pass: 2 rules hold for shop, with 1 warning: t [A]"},
		"another rule is enforced":  {Input{Findings: []Finding{deny("A"), deny("B")}, Excepted: let}, Fail, Fail, []Kind{KindDeny, KindExcepted}, "fail: t [B]"},
		"another rule in the dark":  {Input{Findings: []Finding{deny("A"), absent("B", "x")}, Excepted: let}, Inconclusive, Fail, []Kind{KindInconclusive, KindExcepted}, "inconclusive: x is missing [B]"},
		"a silent rule":             {Input{Missing: []string{"A"}, Excepted: let}, Inconclusive, Inconclusive, []Kind{KindInconclusive}, "inconclusive: rule A could not be evaluated and said nothing [A]"},
		"a kind unknown here":       {Input{Findings: []Finding{{Kind: "note", Rule: "B"}}, Excepted: let}, Inconclusive, Inconclusive, []Kind{KindInconclusive}, `inconclusive: a finding has the unknown kind "note": rule B [B]`},
		"unknown kind, excepted":    {Input{Findings: []Finding{{Kind: "note", Rule: "A"}}, Excepted: let}, Inconclusive, Inconclusive, []Kind{KindInconclusive}, `inconclusive: a finding has the unknown kind "note": rule A [A]`},
		"exception, warning, dried": {Input{Findings: []Finding{in(DryRun, deny("B")), warn("B"), deny("A")}, Excepted: let}, Pass, Fail, []Kind{KindExcepted, KindWarn, KindDryRun}, "pass: by the exception ok, would have failed: t [A]"},
		"warning and dry run":       {Input{Findings: []Finding{in(DryRun, deny("B")), warn("B")}}, Pass, Fail, []Kind{KindWarn, KindDryRun}, "pass: 2 rules hold for shop, with 1 warning and 1 in dry run: t [B]"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.in.Subject, tt.in.Evaluated = "shop", rules
			got := Decide(tt.in)
			var kinds []Kind
			for _, r := range got.Reasons {
				kinds = append(kinds, r.Kind)
				if (r.Kind == KindExcepted) != (r.Exception == "ok") {
					t.Errorf("%s names the exception %q", r.Kind, r.Exception)
				}
			}
			if diff := cmp.Diff(tt.kinds, kinds); got.Outcome != tt.want || got.WouldBe != tt.would || diff != "" {
				t.Errorf("%s, would be %s; want %s and %s %s", got.Outcome, got.WouldBe, tt.want, tt.would, diff)
			}
			if got.Summary != tt.summary {
				t.Errorf("got  %s\nwant %s", got.Summary, tt.summary)
			}
		})
	}
}

func TestNothingExcusesAnError(t *testing.T) {
	got := Decide(Input{Excepted: map[string]string{"A": "ok"}})
	if got.Outcome != Error || got.WouldBe != Error || Failed(CodeEvidenceError, "x").WouldBe != Error {
		t.Errorf("%+v", got)
	}
}

// checkLaws holds a verdict to what is true of every input.
func checkLaws(t *testing.T, given Input, random *rand.Rand) {
	t.Helper()
	before := Decide(given)
	bare := Decide(unexcused(given))
	switch {
	case before.WouldBe != bare.Outcome:
		t.Fatalf("would be %s, but without exceptions and modes it is %s", before.WouldBe, bare.Outcome)
	case badness[before.Outcome] > badness[before.WouldBe]:
		t.Fatalf("exceptions and modes made %s of %s", before.Outcome, before.WouldBe)
	case (before.Outcome == Error) != (bare.Outcome == Error):
		t.Fatalf("an excuse turned %s into %s", bare.Outcome, before.Outcome)
	case len(given.Missing) > 0 && badness[before.Outcome] < badness[Inconclusive]:
		t.Fatalf("a silent rule was excused: %s", before.Summary)
	case utf8.RuneCountInString(before.Summary) > MaxSummary || !strings.HasPrefix(before.Summary, string(before.Outcome)+": "):
		t.Fatalf("summary %q", before.Summary)
	}
	for _, r := range before.Reasons {
		if r.Kind == KindExcepted && (given.Excepted[r.Rules[0]] != r.Exception || !strings.HasPrefix(r.Text, "would ")) {
			t.Fatalf("excepted by %q: %+v", r.Exception, r)
		}
	}
	more := given
	more.Findings = append(slices.Clone(given.Findings), Finding{Kind: KindDeny, Rule: "Z-9", Signal: "z"})
	if after := Decide(more); after.Outcome != Fail && before.Outcome != Error {
		t.Fatalf("one more deny made %s of %s", after.Outcome, before.Outcome)
	}
	for _, mode := range []Mode{Caution, DryRun} {
		more.Findings[len(more.Findings)-1].Mode = mode
		after := Decide(more)
		if badness[after.Outcome] < badness[before.Outcome] && before.Outcome != Error || after.WouldBe != Fail {
			t.Fatalf("a deny in mode %s made %s of %s", mode, after.Outcome, before.Outcome)
		}
	}
	wider := given
	wider.Excepted = map[string]string{}
	for _, f := range given.Findings {
		wider.Excepted[f.Rule] = "wide"
	}
	if after := Decide(wider); badness[after.Outcome] > badness[before.Outcome] || after.WouldBe != before.WouldBe || before.Outcome == Error && after.Outcome != Error {
		t.Fatalf("an exception made %s of %s, which would be %s", after.Outcome, before.Outcome, after.WouldBe)
	}
	shuffled := given
	shuffled.Findings = append(slices.Clone(given.Findings), given.Findings...)
	random.Shuffle(len(shuffled.Findings), func(i, j int) {
		shuffled.Findings[i], shuffled.Findings[j] = shuffled.Findings[j], shuffled.Findings[i]
	})
	if diff := cmp.Diff(before, Decide(shuffled)); diff != "" {
		t.Fatalf("order or repetition matters: %s", diff)
	}
}

func TestLaws(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	ids := []string{"GC-001", "HEAP-002", "EVID-004", "LEAK-001", "EXC-001", "HEAD-002", "X-9"}
	reasons := []string{"", "too_variable", "no_baseline", "missing", "undecided"}
	for range 5000 {
		given := Input{Evaluated: ids[:random.IntN(4)], Subject: "a/b", Excepted: map[string]string{}}
		for range random.IntN(5) {
			f := Finding{
				Kind: []Kind{KindDeny, KindInconclusive, KindWarn, "?"}[random.IntN(4)], Rule: ids[random.IntN(len(ids))], Signal: "s",
				Mode: []Mode{"", Enforce, Caution, DryRun}[random.IntN(4)], Facts: map[string]any{"reason": reasons[random.IntN(len(reasons))]},
			}
			if random.IntN(2) == 0 {
				value, limit := random.Float64()*10, random.Float64()
				f.Value, f.Limit, f.Unit = &value, &limit, "1"
			}
			given.Findings = append(given.Findings, f)
		}
		for _, id := range ids {
			if random.IntN(3) == 0 {
				given.Excepted[id] = "let-" + id
			}
		}
		if random.IntN(4) == 0 {
			given.Missing = []string{ids[random.IntN(len(ids))]}
		}
		checkLaws(t, given, random)
	}
}

// FuzzDecide: whatever findings say, there is a verdict, its laws hold, and its reasons are one line of text that JSON can hold.
func FuzzDecide(f *testing.F) {
	f.Add(`{"Kind":"deny","Rule":"ALLOC-001","Value":1.2,"Limit":1.1,"Facts":{"sites":[{"function":"f","difference":1}]}}`, "ALLOC-001", "")
	f.Add(`{"Kind":"warn","Rule":"EXC-001","Facts":{"valid":true,"rules":["A",1]},"Mode":"dryrun"}`, "", "GC-001")
	f.Add(`{"Kind":"inconclusive","Rule":"LEAK-001","Value":1e308,"Limit":-1e308,"Unit":"s"}`, "LEAK-001", "")
	f.Add(`{"Kind":"deny","Rule":"LEAK-001","Value":1e308,"Limit":0,"Unit":"s"}`, "X", "")
	f.Add(`{"Kind":"deny","Rule":"HEAP-002","Value":1e308,"Limit":0,"Facts":{"lower":1e308,"upper":-1,"sites":[1,null,{"function":"f","line":-1,"difference":1e308}]}}`, "X", "")
	f.Fuzz(func(t *testing.T, text, excepted, missing string) {
		var one Finding
		if json.Unmarshal([]byte(text), &one) != nil || !utf8.ValidString(text) {
			return
		}
		given := Input{Findings: []Finding{one, deny("A")}, Evaluated: []string{"A"}, Excepted: map[string]string{excepted: "x", "A": "y"}}
		if missing != "" {
			given.Missing = []string{missing}
		}
		checkLaws(t, given, rand.New(rand.NewPCG(1, 2)))
		got := Decide(given)
		if _, err := json.Marshal(got); err != nil {
			t.Fatal(err)
		}
		for _, r := range got.Reasons {
			if r.Text == "" || strings.Contains(r.Text, "NaN") && !strings.Contains(text, "NaN") {
				t.Fatalf("%+v", r)
			}
		}
	})
}

// A warning of a number comes before one that only says what could not be told, however severe its rule is.
func TestWarningOfSomethingComesFirst(t *testing.T) {
	idle, real := warn("HEAP-002"), warn("GC-009")
	idle.Severity, idle.Facts, real.Severity = "critical", map[string]any{"reason": "no_baseline"}, "low"
	got := Decide(Input{Evaluated: []string{"X"}, Subject: "shop", Findings: []Finding{idle, real}})
	if want := "pass: 1 rule holds for shop, with 2 warnings: t [GC-009]"; got.Summary != want || got.Reasons[1].Code != "no_baseline" {
		t.Errorf("got %q, %+v", got.Summary, got.Reasons)
	}
}
