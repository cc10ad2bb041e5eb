// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

var single = Look{Number: 1, Of: 1}

// pods makes n pods with points every 15 s, born an hour before: level times AR(0.5) noise of 5 %, load around 100.
func pods(seed uint64, n, points int, level, load float64) []Pod {
	rng := rand.New(rand.NewPCG(seed, 7))
	all := make([]Pod, n)
	for i := range all {
		all[i] = Pod{Name: fmt.Sprintf("pod-%d", i), Born: 1_000_000_000, Expected: points}
		noise, busy := 0.0, 0.0
		for j := range points {
			noise = 0.5*noise + 0.05*math.Sqrt(0.75)*rng.NormFloat64()
			busy = 0.9*busy + 0.1*math.Sqrt(0.19)*rng.NormFloat64()
			l := load * math.Exp(busy)
			all[i].Points = append(all[i].Points, Point{At: 1_003_600_000 + int64(j)*15_000, Value: level * math.Sqrt(l/100) * math.Exp(noise), Load: l})
		}
	}
	return all
}

// each changes every point of a copy.
func each(pods []Pod, change func(pod, point int, p *Point)) []Pod {
	changed := slices.Clone(pods)
	for i := range changed {
		changed[i].Points = slices.Clone(changed[i].Points)
		for j := range changed[i].Points {
			change(i, j, &changed[i].Points[j])
		}
	}
	return changed
}

func scaled(p []Pod, by float64) []Pod {
	return each(p, func(_, _ int, p *Point) { p.Value *= by })
}

// sound fails where a result says what none may say.
func sound(t *testing.T, r Result) {
	t.Helper()
	if _, err := json.Marshal(r); err != nil {
		t.Fatalf("not JSON: %v in %+v", err, r)
	}
	if (r.Outcome == Inconclusive) != (r.Reason != "") {
		t.Fatalf("outcome %q with reason %q", r.Outcome, r.Reason)
	}
	if r.Outcome != Inconclusive && (r.Ratio == nil || r.Lower == nil || r.Upper == nil || r.P == nil || r.Baseline == nil || r.Candidate == nil) {
		t.Fatalf("%s without numbers: %+v", r.Outcome, r)
	}
	if r.Ratio != nil && !(*r.Lower <= *r.Ratio && *r.Ratio <= *r.Upper) {
		t.Fatalf("the ratio %v is not within %v and %v", *r.Ratio, *r.Lower, *r.Upper)
	}
	if r.P != nil && !(*r.P >= 0 && *r.P <= 1) {
		t.Fatalf("p is %v", *r.P)
	}
}

func expect(t *testing.T, r Result, outcome Outcome, reason string) {
	t.Helper()
	sound(t, r)
	if r.Outcome != outcome || r.Reason != reason {
		text, _ := json.Marshal(r)
		t.Errorf("got %s %q, want %s %q: %s", r.Outcome, r.Reason, outcome, reason, text)
	}
}

// Every outcome and every reason, by the input that leads there.
func TestOutcomes(t *testing.T) {
	b, c := pods(1, 5, 240, 100, 100), pods(2, 5, 240, 100, 100)
	set, only := Default(), func(n int, pods []Pod) []Pod {
		return each(pods, func(_, j int, p *Point) {
			if j >= n {
				p.Value = math.NaN()
			}
		})
	}
	noLoad := func(pods []Pod) []Pod { return each(pods, func(_, _ int, p *Point) { p.Load = math.NaN() }) }
	unadjusted := set
	unadjusted.Unadjusted = true
	bold := set
	bold.Extrapolate = true
	without := set
	without.Prior = Prior{}
	cases := []struct {
		name                string
		baseline, candidate []Pod
		set                 Settings
		look                Look
		outcome             Outcome
		reason              string
	}{
		{"equal", b, c, set, single, Pass, ""},
		{"+20 %", b, scaled(c, 1.2), set, single, Fail, ""},
		{"+9 %, precisely", b, scaled(c, 1.085), set, single, Inconclusive, ReasonTooFewPods}, // significant, and not yet the limit
		{"+10.5 %, one pod", b[:1], scaled(c[:1], 1.105), set, single, Inconclusive, ReasonTooFewPods},
		{"-20 %", b, scaled(c, 0.8), set, single, Pass, ""},
		{"no candidate", b, nil, set, single, Inconclusive, ReasonNoPods},
		{"no baseline", nil, c, set, single, Inconclusive, ReasonNoPods},
		{"pods without points", b, []Pod{{Name: "x"}}, set, single, Inconclusive, ReasonInsufficientData},
		{"only NaN", b, only(0, c), set, single, Inconclusive, ReasonNotFinite},
		{"one infinite value", b, each(c, func(i, j int, p *Point) {
			if i == 2 && j == 7 {
				p.Value = math.Inf(1)
			}
		}), set, single, Inconclusive, ReasonNotFinite},
		{"infinite load", each(b, func(i, j int, p *Point) { p.Load = math.Inf(1) }), c, set, single, Inconclusive, ReasonNotFinite},
		{"zeros", b, scaled(c, 0), set, single, Inconclusive, ReasonNotPositive},
		{"negative", scaled(b, -1), c, set, single, Inconclusive, ReasonNotPositive},
		{"a third missing", b, only(160, c), set, single, Inconclusive, ReasonInsufficientData},
		{"a tenth missing", b, only(216, c), set, single, Pass, ""},
		{"a third never came", b, func() []Pod {
			fewer := slices.Clone(c)
			for i := range fewer {
				fewer[i].Points = fewer[i].Points[:160]
			}
			return fewer
		}(), set, single, Inconclusive, ReasonInsufficientData},
		{"12 points", pods(1, 5, 12, 100, 100), pods(2, 5, 12, 100, 100), set, single, Inconclusive, ReasonTooShort},
		{"nothing but warm-up", b, func() []Pod {
			young := slices.Clone(c)
			for i := range young {
				young[i].Born = young[i].Points[0].At + 3_500_000
			}
			return young
		}(), set, single, Inconclusive, ReasonTooShort},
		{"twice the load", b, pods(2, 5, 240, 100, 200), set, single, Inconclusive, ReasonLoadNotComparable},
		{"twice the load, bold", b, pods(2, 5, 240, 100, 200), bold, single, Pass, ""},
		{"no load", noLoad(b), noLoad(scaled(c, 1.5)), set, single, Inconclusive, ReasonUnadjusted},
		{"the candidate has no load", b, noLoad(c), set, single, Inconclusive, ReasonUnadjusted},
		{"no load needed", noLoad(b), noLoad(scaled(c, 1.5)), unadjusted, single, Fail, ""},
		{"one pod a side", b[:1], scaled(c[:1], 1.05), set, single, Inconclusive, ReasonTooFewPods},
		{"one pod a side, nothing known of pods", b[:1], c[:1], without, single, Inconclusive, ReasonTooFewPods},
		{"noise", each(b, func(_, j int, p *Point) { p.Value *= math.Exp(float64(j%2*6 - 3)) }), each(c, func(_, j int, p *Point) { p.Value *= math.Exp(float64(j/2%2*6 - 3)) }), set, single, Inconclusive, ReasonTooVariable},
		{"waves longer than the window", each(b, func(_, j int, p *Point) { p.Value *= math.Exp(float64(j) / 200) }), each(c, func(_, j int, p *Point) { p.Value *= math.Exp(float64(j) / 200) }), set, single, Inconclusive, ReasonTooShort},
		{"the first of six looks", b, scaled(c, 1.05), set, Look{1, 6}, Inconclusive, ReasonTooFewPods},
		{"look 7 of 7", b, c, set, Look{7, 7}, Inconclusive, ReasonBadSettings},
		{"no look", b, c, set, Look{}, Inconclusive, ReasonBadSettings},
		{"no settings", b, c, Settings{}, single, Inconclusive, ReasonBadSettings},
		{"too large for a ratio", scaled(b, 1e-300), scaled(c, 1e300), set, single, Inconclusive, ReasonNotFinite},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			expect(t, Signal(tc.baseline, tc.candidate, tc.set, tc.look), tc.outcome, tc.reason)
		})
	}
}

func TestNonsensicalSettings(t *testing.T) {
	b, c := pods(1, 3, 120, 100, 100), pods(2, 3, 120, 100, 100)
	nan := math.NaN()
	for i, change := range []func(s *Settings){
		func(s *Settings) { s.Limit = nan }, func(s *Settings) { s.Limit = math.Inf(1) }, func(s *Settings) { s.Limit = 1 },
		func(s *Settings) { s.PassMargin = nan }, func(s *Settings) { s.PassMargin = 0 }, func(s *Settings) { s.Alpha = nan },
		func(s *Settings) { s.Alpha = 0 }, func(s *Settings) { s.Alpha = 0.5 }, func(s *Settings) { s.MinCoverage = nan },
		func(s *Settings) { s.MinCoverage = 0 }, func(s *Settings) { s.Prior.SD = nan }, func(s *Settings) { s.Prior.SD = math.Inf(1) },
		func(s *Settings) { s.Prior.Freedom = nan }, func(s *Settings) { s.Prior.Freedom = -1 }, func(s *Settings) { s.WarmUp = -1 },
	} {
		set := Default()
		change(&set)
		if r := Signal(b, c, set, single); r.Reason != ReasonBadSettings {
			t.Errorf("case %d: got %s %q", i, r.Outcome, r.Reason)
		}
	}
}

// P below alpha and a lower end above the pass margin are one thing, at every look.
func TestPAgreesWithTheInterval(t *testing.T) {
	significant := 0
	for seed := range uint64(60) {
		b, c := pods(seed, 3, 60, 100, 100), scaled(pods(seed+500, 3, 60, 100, 100), 1+float64(seed%12)/30)
		r := Signal(b, c, Default(), Look{1 + int(seed%6), 6})
		sound(t, r)
		if (*r.Lower > 1.02) != (*r.P < 0.05) {
			t.Errorf("seed %d: lower end %v, p %v", seed, *r.Lower, *r.P)
		}
		if *r.P < 0.05 {
			significant++
		}
	}
	if significant == 0 || significant == 60 {
		t.Errorf("%d of 60 are significant: the test shows nothing", significant)
	}
}

// A pod with a handful of points is no replicate.
func TestShortPods(t *testing.T) {
	b, c := pods(1, 3, 120, 100, 100), pods(2, 3, 120, 100, 100)
	late := pods(3, 1, 5, 500, 100)[0]
	late.Name = "late"
	if r := Signal(b, append(slices.Clone(c), late), Default(), single); r.PodsCandidate != 3 || r.Steps.Candidate.ShortPods != 1 || r.Outcome != Pass {
		t.Errorf("got %+v", r)
	}
}

// Where more than half of the values are equal there is nothing to call an outlier by, and rounding is no noise.
func TestEqualValuesAreNotWinsorised(t *testing.T) {
	steps := func(pods []Pod) []Pod {
		return each(pods, func(_, j int, p *Point) { p.Value, p.Load = 0.1*float64(1+j%10/8), 7 })
	}
	r := Signal(steps(pods(1, 3, 120, 100, 100)), steps(pods(2, 3, 120, 100, 100)), Default(), single)
	if sound(t, r); r.Steps.Baseline.Winsorised+r.Steps.Candidate.Winsorised != 0 || !near(*r.Ratio, 1) || !near(*r.Baseline, 0.1*math.Pow(2, 0.2)) {
		t.Errorf("got %+v", r)
	}
}

// The order of pods and points does not matter to a single bit.
func TestOrderDoesNotMatter(t *testing.T) {
	b, c := pods(1, 5, 120, 100, 100), scaled(pods(2, 4, 120, 100, 110), 1.07)
	want := Signal(b, c, Default(), single)
	rng := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		b, c := each(b, func(int, int, *Point) {}), each(c, func(int, int, *Point) {})
		for _, side := range [][]Pod{b, c} {
			rng.Shuffle(len(side), func(i, j int) { side[i], side[j] = side[j], side[i] })
			for _, p := range side {
				rng.Shuffle(len(p.Points), func(i, j int) { p.Points[i], p.Points[j] = p.Points[j], p.Points[i] })
			}
		}
		if got := Signal(b, c, Default(), single); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
}

// Units of value and load do not matter, swapping the sides turns the ratio round, and a worse candidate is not judged better.
func TestLaws(t *testing.T) {
	for seed := range uint64(40) {
		b, c := pods(seed, 3, 80, 100, 100), scaled(pods(seed+1000, 3, 80, 100, 103), 0.9+float64(seed)/100)
		want := Signal(b, c, Default(), single)
		sound(t, want)
		if want.Ratio == nil || want.Reason == ReasonLoadNotComparable {
			continue
		}
		units := func(pods []Pod) []Pod {
			return each(pods, func(_, _ int, p *Point) { p.Value, p.Load = p.Value*1e9, p.Load/777 })
		}
		got := Signal(units(b), units(c), Default(), single)
		if got.Outcome != want.Outcome || !near(*got.Ratio, *want.Ratio) || !near(*got.Lower, *want.Lower) || !near(*got.Upper, *want.Upper) || !near(*got.Baseline, *want.Baseline*1e9) {
			t.Errorf("seed %d: units matter: %+v and %+v", seed, got, want)
		}
		if back := Signal(c, b, Default(), single); !near(*back.Ratio, 1 / *want.Ratio) || !near(*back.Lower, 1 / *want.Upper) || !near(*back.Upper, 1 / *want.Lower) {
			t.Errorf("seed %d: swapping the sides gives %v (%v, %v) for %v (%v, %v)", seed, *back.Ratio, *back.Lower, *back.Upper, *want.Ratio, *want.Lower, *want.Upper)
		}
		worse := Signal(b, scaled(c, 1.03), Default(), single)
		if !near(*worse.Ratio, *want.Ratio*1.03) || *worse.P > *want.P+1e-12 || order(worse.Outcome) < order(want.Outcome) {
			t.Errorf("seed %d: 3 %% worse is %s %v, was %s %v", seed, worse.Outcome, *worse.Ratio, want.Outcome, *want.Ratio)
		}
	}
}

func order(o Outcome) int { return slices.Index([]Outcome{Pass, Inconclusive, Fail}, o) }

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b)) }

// A burst in one of twenty points hardly moves the estimate, since residuals are winsorised.
func TestBurstsAreBounded(t *testing.T) {
	b, c := pods(1, 3, 240, 100, 100), pods(2, 3, 240, 100, 100)
	plain := Signal(b, c, Default(), single)
	burst := Signal(b, each(c, func(_, j int, p *Point) {
		if j%20 == 7 {
			p.Value *= 100
		}
	}), Default(), single)
	if change := *burst.Ratio / *plain.Ratio; change > 1.02 || burst.Steps.Candidate.Winsorised < 36 {
		t.Errorf("bursts of 100 times moved the ratio by %v, %d points winsorised", change, burst.Steps.Candidate.Winsorised)
	}
}

// Without load the answer to a load shift is wrong, with it right: the reason for all this.
func TestLoadIsAdjustedFor(t *testing.T) {
	b, c := pods(1, 5, 240, 100, 100), pods(2, 5, 240, 100, 112)
	set := Default()
	if r := Signal(b, c, set, single); r.Outcome != Pass || !r.Adjusted || math.Abs(*r.Ratio-1) > 0.03 {
		t.Errorf("adjusted: %s %q %v", r.Outcome, r.Reason, *r.Ratio)
	}
	set.Unadjusted = true
	if r := Signal(b, c, set, single); r.Adjusted || math.Abs(*r.Ratio-math.Sqrt(1.12)) > 0.03 {
		t.Errorf("unadjusted: %s %q %v, want about %v", r.Outcome, r.Reason, *r.Ratio, math.Sqrt(1.12))
	}
}
