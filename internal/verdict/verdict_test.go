// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func deny(rule string) Finding { return Finding{Kind: KindDeny, Rule: rule, Title: "t", Signal: "s"} }
func warn(rule string) Finding { return Finding{Kind: KindWarn, Rule: rule, Title: "t", Signal: "s"} }
func absent(rule, signal string) Finding {
	return Finding{Kind: KindInconclusive, Rule: rule, Signal: signal, Facts: map[string]any{"reason": "missing"}}
}

func TestPrecedence(t *testing.T) {
	rules := []string{"A", "B"}
	for name, tt := range map[string]struct {
		in    Input
		want  Outcome
		codes []string
	}{
		"nothing at all":          {Input{}, Error, []string{CodeNoRules}},
		"all rules hold":          {Input{Evaluated: rules}, Pass, nil},
		"a warning":               {Input{Evaluated: rules, Findings: []Finding{warn("A")}}, Pass, []string{CodeWarning}},
		"a deny":                  {Input{Evaluated: rules, Findings: []Finding{deny("A")}}, Fail, []string{CodeLimitExceeded}},
		"deny beats absence":      {Input{Evaluated: rules, Findings: []Finding{absent("B", "x"), deny("A"), warn("A")}, Missing: []string{"C"}}, Fail, []string{CodeLimitExceeded, "missing", CodeRuleMissing, CodeWarning}},
		"an absence":              {Input{Evaluated: rules, Findings: []Finding{warn("A"), absent("B", "x")}}, Inconclusive, []string{"missing", CodeWarning}},
		"a silent rule":           {Input{Evaluated: rules, Missing: []string{"C"}}, Inconclusive, []string{CodeRuleMissing}},
		"only a silent rule":      {Input{Missing: []string{"C"}}, Inconclusive, []string{CodeRuleMissing}},
		"only an absence":         {Input{Findings: []Finding{absent("B", "x")}}, Inconclusive, []string{"missing"}},
		"a kind unknown here":     {Input{Evaluated: rules, Findings: []Finding{{Kind: "note", Rule: "A"}}}, Inconclusive, []string{"malformed"}},
		"one absence, two rules":  {Input{Evaluated: rules, Findings: []Finding{absent("B", "x"), absent("A", "x")}}, Inconclusive, []string{"missing"}},
		"two absences, one rule":  {Input{Evaluated: rules, Findings: []Finding{absent("B", "x"), absent("B", "y")}}, Inconclusive, []string{"missing", "missing"}},
		"an absence of no reason": {Input{Evaluated: rules, Findings: []Finding{{Kind: KindInconclusive, Rule: "A", Signal: "x"}}}, Inconclusive, []string{"inconclusive"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Decide(tt.in)
			var codes []string
			for _, r := range got.Reasons {
				codes = append(codes, r.Code)
			}
			if diff := cmp.Diff(tt.codes, codes); got.Outcome != tt.want || diff != "" {
				t.Errorf("outcome %s, want %s; codes %s", got.Outcome, tt.want, diff)
			}
			if !strings.HasPrefix(got.Summary, string(tt.want)+": ") {
				t.Errorf("summary %q", got.Summary)
			}
		})
	}
}

func TestOneSentenceNamesAllItsRules(t *testing.T) {
	got := Decide(Input{Findings: []Finding{absent("GC-001", "gc_cpu_share"), absent("EVID-001", "gc_cpu_share"), absent("EVID-001", "windows")}})
	if want := "inconclusive: gc_cpu_share is missing [EVID-001, GC-001]; and 1 more"; got.Summary != want {
		t.Errorf("summary %q, want %q", got.Summary, want)
	}
}

var badness = map[Outcome]int{Pass: 0, Inconclusive: 1, Fail: 2, Error: 3}

// TestNeverBetter: whatever is said, one more deny, absence or silent rule never makes the verdict better, a deny always makes it
// fail, and neither the order nor the repetition of findings matters.
func TestNeverBetter(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	ids := []string{"GC-001", "MAP-001", "EVID-001", "X-9"}
	pick := func() Finding {
		f := Finding{Kind: []Kind{KindDeny, KindInconclusive, KindWarn, "?"}[random.IntN(4)], Rule: ids[random.IntN(4)], Signal: fmt.Sprint("s", random.IntN(3)), Severity: []string{"high", "low", ""}[random.IntN(3)]}
		if random.IntN(2) == 0 {
			value, limit := random.Float64()*10, random.Float64()
			f.Value, f.Limit, f.Unit = &value, &limit, "1"
		}
		return f
	}
	for range 5000 {
		in := Input{Evaluated: ids[:random.IntN(4)], Subject: "a/b"}
		for range random.IntN(4) {
			in.Findings = append(in.Findings, pick())
		}
		if random.IntN(3) == 0 {
			in.Missing = []string{"EVID-003"}
		}
		before := Decide(in)

		more := in
		more.Findings = append(slices.Clone(in.Findings), deny("MAP-001"))
		if after := Decide(more); after.Outcome != Fail || badness[after.Outcome] < badness[before.Outcome] && before.Outcome != Error {
			t.Fatalf("a deny turned %s into %s", before.Outcome, after.Outcome)
		}
		more = in
		more.Missing = append(slices.Clone(in.Missing), "HEAP-001")
		if after := Decide(more); after.Outcome == Pass || badness[after.Outcome] < badness[before.Outcome] && before.Outcome != Error {
			t.Fatalf("a silent rule turned %s into %s", before.Outcome, after.Outcome)
		}
		shuffled := in
		shuffled.Findings = append(slices.Clone(in.Findings), in.Findings...)
		random.Shuffle(len(shuffled.Findings), func(i, j int) {
			shuffled.Findings[i], shuffled.Findings[j] = shuffled.Findings[j], shuffled.Findings[i]
		})
		if diff := cmp.Diff(before, Decide(shuffled)); diff != "" {
			t.Fatalf("order or repetition matters: %s", diff)
		}
	}
}

func TestSummaryFits(t *testing.T) {
	long := deny("A")
	long.Title = strings.Repeat("ü", 500)
	other := long
	other.Signal = "t"
	for _, in := range []Input{{Evaluated: []string{"A"}, Findings: []Finding{long}}, {Evaluated: []string{"A"}, Findings: []Finding{long, other}}} {
		got := Decide(in)
		if n := len([]rune(got.Summary)); n > MaxSummary {
			t.Errorf("summary of %d runes", n)
		}
		if len(in.Findings) == 2 && len(got.Reasons) == 2 && !strings.HasSuffix(got.Summary, "; and 1 more") {
			t.Errorf("summary does not count the rest: %q", got.Summary)
		}
	}
	if got := Failed(CodeEvidenceError, strings.Repeat("x", 999)); len(got.Summary) != MaxSummary || got.Outcome != Error {
		t.Errorf("%d runes, outcome %s", len(got.Summary), got.Outcome)
	}
}
