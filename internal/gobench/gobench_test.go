// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gobench

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/aclements/go-moremath/stats"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/heapgate/heapgate/internal/verdict/compare"
)

func times(n int, v float64) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = v
	}
	return all
}

func scaled(values []float64, by float64) []float64 {
	all := make([]float64, len(values))
	for i, v := range values {
		all[i] = v * by
	}
	return all
}

var noisy = []float64{1000, 1010, 990, 1005, 995, 1002, 998, 1008}

func TestVerdictsOfOneMetric(t *testing.T) {
	for name, tt := range map[string]struct {
		before, after []float64
		better        bool
		outcome       compare.Outcome
		reason        string
	}{
		"equal and exact":         {times(6, 12), times(6, 12), false, compare.Pass, ""},
		"zero and zero":           {times(6, 0), times(6, 0), false, compare.Pass, ""},
		"one more of twelve":      {times(6, 12), times(6, 13), false, compare.Pass, ""},
		"two more of twelve":      {times(6, 12), times(6, 14), false, compare.Fail, ""},
		"exactly the limit":       {times(6, 100), times(6, 110), false, compare.Fail, ""},
		"fewer":                   {times(6, 12), times(6, 3), false, compare.Pass, ""},
		"from zero":               {times(6, 0), times(6, 1), false, compare.Fail, ReasonZero},
		"sometimes from zero":     {times(6, 0), []float64{0, 0, 1, 0, 0, 0}, false, compare.Inconclusive, ReasonTooVariable},
		"to zero":                 {noisy, times(6, 0), false, compare.Pass, ""},
		"noise":                   {noisy, noisy, false, compare.Pass, ""},
		"noise and 20 % more":     {noisy, scaled(noisy, 1.2), false, compare.Fail, ""},
		"noise and 20 % less":     {noisy, scaled(noisy, 0.8), false, compare.Pass, ""},
		"wide":                    {[]float64{1, 2, 3, 4, 5, 6}, []float64{2, 3, 4, 5, 6, 7}, false, compare.Inconclusive, ReasonTooVariable},
		"zeros now and then":      {[]float64{0, 1, 1, 1, 1, 1, 1, 1}, []float64{3, 3, 3, 4, 3, 3, 3, 3}, false, compare.Fail, ""},
		"five runs":               {times(5, 12), times(6, 12), false, compare.Inconclusive, ReasonTooFewRuns},
		"one run":                 {times(1, 12), times(1, 99), false, compare.Inconclusive, ReasonTooFewRuns},
		"gone":                    {times(6, 12), nil, false, compare.Inconclusive, ReasonMissingInNew},
		"no number":               {times(6, math.NaN()), times(6, 1), false, compare.Inconclusive, ReasonNotFinite},
		"infinite":                {times(6, 1), times(6, math.Inf(1)), false, compare.Inconclusive, ReasonNotFinite},
		"negative":                {times(6, 1), times(6, -1), false, compare.Inconclusive, ReasonNotFinite},
		"higher is better: less":  {noisy, scaled(noisy, 0.8), true, compare.Fail, ""},
		"higher is better: more":  {noisy, scaled(noisy, 1.3), true, compare.Pass, ""},
		"higher is better: none":  {times(6, 5), times(6, 0), true, compare.Fail, ReasonZero},
		"higher is better: first": {times(6, 0), times(6, 5), true, compare.Pass, ""},
		"beyond a logarithm":      {[]float64{1e15, 1e15, 1e15, 1e15, 1e15, 1e15 + 1}, times(6, 1e15), false, compare.Pass, ""},
	} {
		got := Judge([]Metric{{Benchmark: name, Unit: "allocs/op", Old: tt.before, New: tt.after, HigherIsBetter: tt.better}}, Default())[0]
		if got.Outcome != tt.outcome || got.Reason != tt.reason {
			t.Errorf("%s: %s %q (%s), want %s %q", name, got.Outcome, got.Reason, text(got), tt.outcome, tt.reason)
		}
	}
}

func text(r Result) string {
	raw, err := json.Marshal(r)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// TestIntervalIsWelchs compares with moremath's Welch test on the logarithms: the interval touches the limit where P is alpha.
func TestIntervalIsWelchs(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		draw := func(n int, sd float64) (values, logs []float64) {
			for range n {
				x := random.NormFloat64() * sd
				values, logs = append(values, math.Exp(x)), append(logs, x)
			}
			return values, logs
		}
		before, beforeLogs := draw(6+random.IntN(10), 0.01+random.Float64())
		after, afterLogs := draw(6+random.IntN(10), 0.01+random.Float64())
		set := Default()
		got := Judge([]Metric{{Unit: "B/op", Old: before, New: after}}, set)[0]
		for i := range afterLogs {
			afterLogs[i] -= math.Log(set.PassMargin)
		}
		want, err := stats.TwoSampleWelchTTest(stats.Sample{Xs: afterLogs}, stats.Sample{Xs: beforeLogs}, stats.LocationGreater)
		if err != nil || math.Abs(*got.P-want.P) > 1e-9 {
			t.Fatalf("P %v, moremath's %v (%v)", *got.P, want.P, err)
		}
		if (*got.P < set.Alpha) != (*got.Lower > set.PassMargin) {
			t.Fatalf("P %v and a lower end of %v contradict each other", *got.P, *got.Lower)
		}
	}
}

// TestErrorRates: how often a change of nothing fails and a change of 10 % passes; both stay below alpha.
func TestErrorRates(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	draw := func(n int, ratio, sd float64) []float64 {
		all := make([]float64, n)
		for i := range all {
			all[i] = 1000 * ratio * math.Exp(random.NormFloat64()*sd)
		}
		return all
	}
	const runs = 2000
	for _, sd := range []float64{0.005, 0.05, 0.2} {
		rate := func(ratio float64, outcome compare.Outcome) float64 {
			count := 0
			for range runs {
				if Judge([]Metric{{Unit: "B/op", Old: draw(10, 1, sd), New: draw(10, ratio, sd)}}, Default())[0].Outcome == outcome {
					count++
				}
			}
			return float64(count) / runs
		}
		falseFail, falsePass, found := rate(1, compare.Fail), rate(1.10, compare.Pass), rate(1.2, compare.Fail)
		t.Logf("sd %g: fails of nothing %.3f, passes of +10 %% %.3f, fails of +20 %% %.3f", sd, falseFail, falsePass, found)
		if falseFail > 0.05 || falsePass > 0.065 || sd < 0.1 && found < 0.95 {
			t.Errorf("sd %g: fails of nothing %.3f, passes of +10 %% %.3f, fails of +20 %% %.3f", sd, falseFail, falsePass, found)
		}
	}
}

// TestHolmKeepsChanceOut: of 200 metrics without a change hardly any may fail, and an exact fail stays one.
func TestHolmKeepsChanceOut(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	failed, corrected := 0, 0
	for range 20 {
		metrics := []Metric{{Benchmark: "Exact", Unit: "allocs/op", Old: times(6, 1), New: times(6, 2)}}
		for i := range 200 {
			var before, after []float64
			for range 6 {
				before, after = append(before, math.Exp(random.NormFloat64()*0.2)), append(after, math.Exp(random.NormFloat64()*0.2))
			}
			metrics = append(metrics, Metric{Benchmark: "Noise", Unit: string(rune('a' + i)), Old: before, New: after})
		}
		results := Judge(metrics, Default())
		if results[0].Benchmark != "Exact" || results[0].Outcome != compare.Fail {
			t.Fatalf("the exact fail is lost: %s", text(results[0]))
		}
		for _, r := range results[1:] {
			if r.Outcome == compare.Fail {
				failed++
			}
			if r.Reason == ReasonMultiplicity {
				corrected++
			}
		}
	}
	if failed > 3 || corrected == 0 {
		t.Errorf("%d fails of nothing, %d taken back", failed, corrected)
	}
}

func TestInformationNeverDecides(t *testing.T) {
	slower := Metric{Benchmark: "A", Unit: "ns/op", Old: noisy, New: scaled(noisy, 3), Information: true}
	added := Metric{Benchmark: "B", Unit: "allocs/op", New: times(6, 99)}
	same := Metric{Benchmark: "A", Unit: "allocs/op", Old: times(6, 1), New: times(6, 1)}
	for want, metrics := range map[compare.Outcome][]Metric{compare.Pass: {slower, added, same}, compare.Inconclusive: {slower, added}} {
		results := Judge(metrics, Default())
		if got := Outcome(results); got != want {
			t.Errorf("outcome %s, want %s", got, want)
		}
		if results[0].Information != (want == compare.Inconclusive) {
			t.Errorf("information stands first: %s", text(results[0]))
		}
	}
	if Outcome(nil) != compare.Inconclusive {
		t.Error("silence is a pass")
	}
}

// FuzzJudge: never a number that is none; a pass only of enough runs and below the limit; the order of runs and the unit's size do
// not matter; more in the new runs never makes a fail a pass.
func FuzzJudge(f *testing.F) {
	f.Add([]byte{10, 11, 12, 10, 11, 12, 20, 21, 22, 20, 21, 22}, false)
	f.Add([]byte{0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1}, true)
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 200}, false)
	f.Fuzz(func(t *testing.T, raw []byte, better bool) {
		values := make([]float64, len(raw))
		for i, b := range raw {
			values[i] = float64(b)
			if b > 250 {
				values[i] = []float64{math.NaN(), math.Inf(1), -1, 1e300, 1e-300}[b-251]
			}
		}
		m := Metric{Unit: "x", Old: values[:len(values)/2], New: values[len(values)/2:], HigherIsBetter: better}
		r := one(m, Default())
		if s := text(r); strings.Contains(s, "NaN") || !strings.HasPrefix(s, "{") {
			t.Fatal(s)
		}
		if r.Outcome == compare.Pass && (min(len(m.Old), len(m.New)) < 6 || r.Upper != nil && *r.Upper >= 1.10 || r.Upper == nil && !better) {
			t.Fatalf("a pass of %v and %v: %s", m.Old, m.New, text(r))
		}
		turned := Metric{Unit: "x", Old: reversed(m.Old), New: reversed(m.New), HigherIsBetter: better}
		if diff := cmp.Diff(r, one(turned, Default()), cmpopts.EquateApprox(1e-9, 1e-9)); diff != "" {
			t.Fatalf("the order of runs matters: %s", diff)
		}
		if r.Reason == ReasonNotFinite {
			return
		}
		more := one(Metric{Unit: "x", Old: scaled(m.Old, 1024), New: scaled(m.New, 1024), HigherIsBetter: better}, Default())
		if more.Outcome != r.Outcome && r.Ratio != nil && math.Abs(*r.Upper-1.10) > 1e-9 && math.Abs(*r.Ratio-1.10) > 1e-9 {
			t.Fatalf("the unit's size matters: %s and %s", text(r), text(more))
		}
		if worse := one(Metric{Unit: "x", Old: m.Old, New: scaled(m.New, 2)}, Default()); !better && r.Outcome == compare.Fail && worse.Outcome == compare.Pass {
			t.Fatalf("twice as much passes: %s", text(worse))
		}
	})
}

func reversed(values []float64) []float64 {
	all := make([]float64, 0, len(values))
	for i := len(values) - 1; i >= 0; i-- {
		all = append(all, values[i])
	}
	return all
}
