// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"
)

func encodes(t *testing.T, v any) {
	t.Helper()
	if _, err := json.Marshal(v); err != nil {
		t.Fatalf("not JSON: %v in %+v", err, v)
	}
}

// Every reason stands in the documentation.
func TestReasonsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/statistics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"compare.go", "leak.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(`Reason\w+ += "(\w+)"`).FindAllSubmatch(source, -1)
		if len(found) < 2 {
			t.Fatalf("%s has %d reasons: is the pattern of this test still right?", file, len(found))
		}
		for _, m := range found {
			if !bytes.Contains(page, []byte("`"+string(m[1])+"`")) {
				t.Errorf("docs/statistics.md does not explain the reason %s", m[1])
			}
		}
	}
}

func TestHolm(t *testing.T) {
	r := func(o Outcome, p float64) Result { return Result{Outcome: o, P: &p} }
	lost := Result{Outcome: Inconclusive, Reason: ReasonNoPods}
	given := map[string]Result{"a": r(Fail, 0.01), "b": r(Fail, 0.02), "c": r(Pass, 0.9), "d": lost}
	got := Holm(given, 0.05) // 0.01 < 0.05/4, 0.02 >= 0.05/3
	if got["a"].Outcome != Fail || got["b"].Outcome != Inconclusive || got["b"].Reason != ReasonMultiplicity || got["c"].Outcome != Pass || got["d"].Reason != ReasonNoPods {
		t.Errorf("got %+v", got)
	}
	if given["b"].Outcome != Fail {
		t.Error("the map given was changed")
	}
	if got := Holm(map[string]Result{"a": r(Fail, 0.03)}, 0.05); got["a"].Outcome != Fail {
		t.Error("a single fail does not survive")
	}
	if got := Holm(map[string]Result{"a": r(Fail, 0.02), "b": r(Fail, 0.01), "c": r(Fail, 0.04)}, 0.05); got["c"].Outcome != Fail || got["a"].Outcome != Fail {
		t.Errorf("0.01, 0.02 and 0.04 of three survive: %+v", got) // .0167, .025, .05
	}
	if len(Holm(nil, 0.05)) != 0 {
		t.Error("nothing becomes something")
	}
}

// Nothing gets better by Holm, and what survives is what the definition says, whatever the names.
func TestHolmAgainstDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for range 500 {
		given := map[string]Result{}
		var ps []float64
		for i := range 1 + rng.IntN(4) {
			p := rng.Float64() * 0.06
			ps = append(ps, p)
			given[fmt.Sprint(i)] = Result{Outcome: Fail, P: &p}
		}
		slices.Sort(ps)
		survivors := 0
		for i, p := range ps {
			if p >= 0.05/float64(len(ps)-i) {
				break
			}
			survivors++
		}
		left := 0
		for _, r := range Holm(given, 0.05) {
			if r.Outcome == Fail {
				left++
			}
		}
		if left != survivors {
			t.Fatalf("%v: %d survive, want %d", ps, left, survivors)
		}
	}
}

func TestLearnPrior(t *testing.T) {
	if got := LearnPrior(nil); got != Default().Prior {
		t.Errorf("without history: %+v", got)
	}
	apart := func(seed uint64, sd float64) []Pod {
		rng := rand.New(rand.NewPCG(seed, 1))
		p := pods(seed, 6, 240, 100, 100)
		offsets := make([]float64, len(p))
		for i := range offsets {
			offsets[i] = math.Exp(sd * rng.NormFloat64())
		}
		return each(p, func(i, _ int, p *Point) { p.Value *= offsets[i] })
	}
	var history [][]Pod
	for seed := range uint64(12) {
		history = append(history, apart(seed, 0.10))
	}
	got := LearnPrior(history)
	if got.SD < 0.07 || got.SD > 0.13 || got.Freedom != maxLearned {
		t.Errorf("pods 10 %% apart: %+v", got)
	}
	broken := append(slices.Clone(history), nil, history[0][:1], scaled(history[1], math.NaN()), scaled(history[2], -1))
	if again := LearnPrior(broken); again != got {
		t.Errorf("nonsense changed the prior from %+v to %+v", got, again)
	}
	// What is learned is used: pods that differ that much need a larger difference.
	b, c := apart(100, 0.10), scaled(apart(101, 0.10), 1.15)
	set := Default()
	plain := Signal(b, c, set, single)
	set.Prior = got
	if learned := Signal(b, c, set, single); learned.Steps.SE <= plain.Steps.SE {
		t.Errorf("standard error %v with the learned prior, %v without", learned.Steps.SE, plain.Steps.SE)
	}
}

// growing is a pod seen every 30 s from its birth that grows by a share an hour and rises by warm in its first hour.
func growing(seed uint64, name string, hours, perHour, warm float64) Pod {
	rng := rand.New(rand.NewPCG(seed, 3))
	n := int(hours*120) + 1
	p := Pod{Name: name, Born: 5_000_000, Expected: n}
	noise := 0.0
	for i := range n {
		age := float64(i) / 120
		noise = 0.5*noise + 0.03*rng.NormFloat64()
		p.Points = append(p.Points, Point{At: 5_000_000 + int64(i)*30_000, Value: 100 * (1 + perHour*age + warm*(1-math.Exp(-4*age))) * math.Exp(noise), Load: math.NaN()})
	}
	return p
}

func TestLeak(t *testing.T) {
	flat, leaky := growing(1, "flat", 4, 0, 0.2), growing(2, "leaky", 4, 0.10, 0.2)
	unborn := leaky
	unborn.Born = 0
	set := DefaultLeak()
	for _, tc := range []struct {
		name                string
		baseline, candidate []Pod
		limit               float64
		state               LeakState
		reason, target      string
	}{
		{"10 %/h", []Pod{flat}, []Pod{leaky}, 200, LeakFound, "", "leaky"},
		{"the worst of two", []Pod{flat}, []Pod{growing(3, "calm", 4, 0, 0.2), leaky}, 200, LeakFound, "", "leaky"},
		{"both leak alike", []Pod{growing(4, "old", 4, 0.10, 0.2)}, []Pod{leaky}, 200, LeakNone, "", "leaky"},
		{"flat", []Pod{flat}, []Pod{growing(3, "calm", 4, 0, 0.2)}, 200, LeakNone, "", "calm"},
		{"the limit is far", []Pod{flat}, []Pod{leaky}, 100_000, LeakNone, "", "leaky"},
		{"birth unknown", []Pod{flat}, []Pod{unborn}, 200, LeakFound, "", "leaky"},
		{"no baseline", nil, []Pod{leaky}, 200, LeakUnknown, ReasonNoBaseline, "leaky"},
		{"the baseline is older", []Pod{{Name: "old", Born: 1, Expected: len(flat.Points), Points: each([]Pod{flat}, func(_, _ int, p *Point) { p.At += 1e9 })[0].Points}}, []Pod{leaky}, 200, LeakUnknown, ReasonNoBaseline, "leaky"},
		{"two hours, of which half an hour is warm-up", []Pod{flat}, []Pod{growing(2, "leaky", 2, 0.10, 0.2)}, 200, LeakUnknown, ReasonTooShort, "leaky"},
		{"the baseline falls, the candidate does not", []Pod{growing(5, "old", 4, -0.1, 0)}, []Pod{growing(3, "calm", 4, 0, 0)}, 101, LeakNone, "", "calm"},
		{"a wave as long as the window", []Pod{flat}, each([]Pod{flat}, func(_, j int, p *Point) { p.Value *= 1 + 0.5*math.Sin(float64(j)/60) }), 200, LeakUnknown, ReasonTooVariable, "flat"},
		{"no limit", []Pod{flat}, []Pod{leaky}, math.NaN(), LeakUnknown, ReasonNoLimit, ""},
		{"no pods", []Pod{flat}, nil, 200, LeakUnknown, ReasonNoPods, ""},
		{"NaN", []Pod{flat}, scaled([]Pod{leaky}, math.NaN()), 200, LeakUnknown, ReasonNotFinite, "leaky"},
		{"Inf", []Pod{flat}, scaled([]Pod{leaky}, math.Inf(1)), 200, LeakUnknown, ReasonNotFinite, "leaky"},
		{"negative", []Pod{flat}, scaled([]Pod{leaky}, -1), 200, LeakUnknown, ReasonNotPositive, "leaky"},
		{"gaps", []Pod{flat}, each([]Pod{leaky}, func(_, j int, p *Point) {
			if j%3 == 0 {
				p.Value = math.NaN()
			}
		}), 200, LeakUnknown, ReasonInsufficientData, "leaky"},
		{"an unknown pod is not none", []Pod{flat}, []Pod{flat, {Name: "silent"}}, 200, LeakUnknown, ReasonTooShort, "silent"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Leak(tc.baseline, tc.candidate, tc.limit, set)
			encodes(t, got)
			if got.State != tc.state || got.Reason != tc.reason || got.Target != tc.target {
				t.Errorf("got %s %q of %q, want %s %q of %q: %+v", got.State, got.Reason, got.Target, tc.state, tc.reason, tc.target, got)
			}
			if grows := tc.state == LeakFound || tc.reason == ReasonNoBaseline; grows != (got.TimeToLimit != nil) {
				t.Errorf("time to limit %v", got.TimeToLimit)
			}
		})
	}
	// From 160 at 10 an hour to 200: about 4 to 6 hours, and the lower bound is below the estimate.
	got := Leak([]Pod{flat}, []Pod{leaky}, 200, set)
	if *got.TimeToLimit >= *got.Expected || *got.Expected < 3*3600 || *got.Expected > 6*3600 {
		t.Errorf("time to limit %v, expected %v", time.Duration(*got.TimeToLimit)*time.Second, time.Duration(*got.Expected)*time.Second)
	}
	// More pods, wider bounds: one of many is steep by chance.
	if two := Leak([]Pod{flat}, []Pod{leaky, growing(3, "calm", 4, 0, 0.2)}, 200, set); two.Pods[1].Pod != "leaky" || two.Pods[1].Lower >= got.Pods[0].Lower {
		t.Errorf("the bound of one pod of two is %v, alone %v", two.Pods[1].Lower, got.Pods[0].Lower)
	}
	if got := Leak([]Pod{flat}, []Pod{leaky}, 200, LeakSettings{}); got.Reason != ReasonBadSettings {
		t.Errorf("no settings: %+v", got)
	}
}

func TestSites(t *testing.T) {
	site := func(pod, function string, bytes float64) SiteSample {
		return SiteSample{Pod: pod, Function: function, File: "x.go", Line: 3, Class: "map", Bytes: bytes, Variance: bytes * 524288, Seconds: 100}
	}
	side := func(seed uint64, grown float64) []SiteSample {
		rng := rand.New(rand.NewPCG(seed, 1))
		var all []SiteSample
		for p := range 4 {
			for i := range 30 {
				bytes := 64 << 20 * (1 + grown*map[bool]float64{true: 1}[i == 7])
				bytes += math.Sqrt(bytes*524288) * rng.NormFloat64()
				all = append(all, site(fmt.Sprint("pod-", p), fmt.Sprint("f", i), bytes))
			}
		}
		return all
	}
	b := side(1, 0)
	named := 0
	for seed := range uint64(100) {
		named += len(Sites(b, side(seed+10, 0), DefaultSites()))
	}
	if named > 10 {
		t.Errorf("%d sites named by chance in 100 comparisons, want about 5 at most", named)
	}
	got := Sites(b, side(3, 0.5), DefaultSites())
	if len(got) != 1 || got[0].Function != "f7" || math.Abs(got[0].Difference-0.32*(1<<20)) > 3*got[0].Deviation || got[0].Sigmas < 3 || got[0].PodsCandidate != 4 {
		t.Errorf("f7 grew by half: got %+v", got)
	}
	encodes(t, got)
	// Order of samples does not matter; swapping turns the sign.
	shuffled := side(3, 0.5)
	slices.Reverse(shuffled)
	if again := Sites(b, shuffled, DefaultSites()); !reflect.DeepEqual(again, got) {
		t.Errorf("got %+v, then %+v", got, again)
	}
	if back := Sites(shuffled, b, DefaultSites()); len(back) != 1 || !near(back[0].Sigmas, -got[0].Sigmas) {
		t.Errorf("swapped: %+v", back)
	}
	// A new site in one pod of four is a pod, not a version; in all four it is the version.
	if got := Sites(b, append(side(5, 0), site("pod-1", "new", 64<<20)), DefaultSites()); len(got) != 0 {
		t.Errorf("one pod's site was named: %+v", got)
	}
	whole := side(5, 0)
	for p := range 4 {
		whole = append(whole, site(fmt.Sprint("pod-", p), "new", 64<<20))
	}
	if got := Sites(b, whole, DefaultSites()); len(got) != 1 || got[0].Function != "new" || got[0].Baseline != 0 {
		t.Errorf("the new site was not named: %+v", got)
	}
	// What no baseline pod has a sample of may still have been allocated there.
	for p := range 4 {
		whole[len(whole)-1-p].Bytes, whole[len(whole)-1-p].Variance = 600_000, 0
	}
	if got := Sites(b, whole, DefaultSites()); len(got) != 0 {
		t.Errorf("a sample's worth was named: %+v", got)
	}
	// Of 1000 equal sites 3 sigma would name three.
	chance := 0
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 77))
		var sides [2][]SiteSample
		for i := range sides {
			for f := range 1000 {
				bytes := float64(8 << 20)
				sides[i] = append(sides[i], site("pod", fmt.Sprint("f", f), bytes+math.Sqrt(bytes*524288)*rng.NormFloat64()))
			}
		}
		chance += len(Sites(sides[0], sides[1], DefaultSites()))
	}
	if chance > 8 {
		t.Errorf("%d of 10 times 1000 equal sites were named", chance)
	}
	// 8 MiB that differ by 3 MiB are one unchanged site.
	if got := Sites([]SiteSample{site("a", "f", 8<<20)}, []SiteSample{site("b", "f", 11<<20)}, DefaultSites()); len(got) != 0 {
		t.Errorf("3 MiB of 8 MiB were named: %+v", got)
	}
	for _, hostile := range []SiteSample{{}, site("a", "f", math.NaN()), site("a", "f", math.Inf(1)), site("a", "f", -1)} {
		if got := Sites([]SiteSample{hostile}, whole, DefaultSites()); len(got) != 0 {
			t.Errorf("%+v: %+v", hostile, got)
		}
	}
	few := DefaultSites()
	few.Max = 1
	more := append(slices.Clone(whole), site("pod-0", "huge", 640<<20), site("pod-1", "huge", 640<<20), site("pod-2", "huge", 640<<20), site("pod-3", "huge", 640<<20))
	if got := Sites(b, more, few); len(got) != 1 || got[0].Function != "huge" {
		t.Errorf("the largest of all: %+v", got)
	}
}
