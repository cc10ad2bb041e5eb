// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
	"github.com/heapgate/heapgate/internal/verdict/compare"
)

const half = 30 * time.Second

// differing are pods of one version whose levels differ by a standard deviation.
func differing(random *rand.Rand, sd float64, version string, pods, from, to int) (parts []fleetPart) {
	for range pods {
		level := math.Exp(sd * random.NormFloat64())
		parts = append(parts, fleetPart{version: version, pods: 1, from: from, to: to, allocation: level, live: level})
	}
	return parts
}

// generations are four past releases of four pods, each for 50 minutes, and then a canary with one pod, no worse than the three beside it.
func generations(seed uint64, sd, worse float64) string {
	random := rand.New(rand.NewPCG(seed, 11))
	var parts []fleetPart
	for i := range 4 {
		parts = append(parts, differing(random, sd, fmt.Sprintf("v%d", i+1), 4, 10+100*i, 110+100*i)...)
	}
	parts = append(parts, differing(random, sd, "v5", 3, 410, 520)...)
	canary := differing(random, sd, "v6", 1, 440, 520)
	for i := range canary {
		canary[i].allocation, canary[i].live = canary[i].allocation*worse, canary[i].live*worse
	}
	return fleet(seed, half, 520, append(parts, canary...)...)
}

func priorFlags(prior string) gateFlags {
	return gateFlags{version: "v6", window: 40 * time.Minute, step: half, compare: compareFlags{prior: prior, history: 5 * time.Hour}}
}

func courseOf(r report, about string) string {
	var found []string
	for _, line := range r.course {
		if strings.HasPrefix(line, about) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "\n")
}

func blocked(r report) bool {
	for _, s := range r.evidence.Comparison.Signals {
		if s.Outcome == string(compare.Fail) {
			return true
		}
	}
	return false
}

// TestPriorIsLearned: where pods of one version differ by 10 %, the default of 3 % blocks good releases, and what the workload's past
// says does not. One that is much worse is blocked still.
func TestPriorIsLearned(t *testing.T) {
	for _, seed := range []uint64{12, 38} {
		fixture := generations(seed, 0.1, 1)
		r := compareWith(t, fixture, priorFlags(priorDefault))
		if got := courseOf(r, "prior"); !strings.HasSuffix(got, "0.03 (4 degrees of freedom), the default: --prior says so") || !blocked(r) {
			t.Fatalf("seed %d: %s\n%s", seed, got, r.text())
		}
		asked := len(r.answers)
		r = compareWith(t, fixture, priorFlags(""))
		if got := courseOf(r, "prior of heap_live_bytes"); !strings.HasSuffix(got, "(16 degrees of freedom), learned from 16 pods of 4 past releases") || blocked(r) {
			t.Errorf("seed %d: %s\n%s", seed, got, r.text())
		}
		if more := len(r.answers) - asked; more < 1 || more > 4 {
			t.Errorf("%d more questions", more)
		}
	}
	if r := compareWith(t, generations(1, 0.1, 1.8), priorFlags("")); !blocked(r) {
		t.Errorf("1.8 times as much is not blocked\n%s", r.text())
	}
}

// noisy is a side of some pods whose levels differ by a standard deviation.
func noisy(random *rand.Rand, pods int, sd float64) *side {
	s := &side{grid: grid{end: storeNow, step: half, n: 40}}
	for k := range pods {
		values := track{points: make([]float64, 40), present: make([]bool, 40)}
		level := math.Exp(sd * random.NormFloat64())
		for i := range values.points {
			values.points[i], values.present[i] = level*math.Exp(0.02*random.NormFloat64()), true
		}
		s.targets = append(s.targets, &target{name: fmt.Sprint(k), tracks: map[string]map[string]track{signalCPUPerByte: {"memstats": values}}})
	}
	return s
}

// TestPriorBlocksFewerGoodReleases: the same without a store, and so often that the share can be told.
func TestPriorBlocksFewerGoodReleases(t *testing.T) {
	const seeds = 1000
	spec, counts, sum := specOf(signalCPUPerByte), map[bool]int{}, 0.0
	for seed := range uint64(seeds) {
		random := rand.New(rand.NewPCG(seed, 5))
		var a ancestry
		for range 4 {
			a.sides = append(a.sides, noisy(random, 4, 0.1))
		}
		base, candidate, m := noisy(random, 3, 0.1), noisy(random, 1, 0.1), &loadModel{}
		for _, learned := range []bool{false, true} {
			a.off = !learned
			set := compare.Default()
			set.Unadjusted, set.Prior = true, a.prior(spec, "memstats", m, compare.Default())
			if learned {
				sum += set.Prior.SD
			}
			if compare.Signal(base.pods(spec, "memstats", *m, 0), candidate.pods(spec, "memstats", *m, 0), set, compare.Look{Number: 1, Of: 1}).Outcome == compare.Fail {
				counts[learned]++
			}
		}
	}
	t.Logf("of %d good releases %d are blocked by the default and %d by what was learned, %.3f on average", seeds, counts[false], counts[true], sum/seeds)
	if counts[false] < 100 || 10*counts[true] > 7*counts[false] {
		t.Errorf("of %d good releases %d are blocked by the default and %d by what was learned", seeds, counts[false], counts[true])
	}
	if mean := sum / seeds; mean < 0.08 || mean > 0.1 { // A quarter of it is the default, as where it starts.
		t.Errorf("learned %.3f on average", mean)
	}
}

// TestPriorIsBounded: pods that are alike, and pods that have nothing in common.
func TestPriorIsBounded(t *testing.T) {
	for sd, want := range map[float64]float64{0.001: lowestPrior, 0.05: 0, 1: highestPrior} {
		random := rand.New(rand.NewPCG(1, 2))
		var a ancestry
		for range maxPastReleases {
			a.sides = append(a.sides, noisy(random, 30, sd))
		}
		m := &loadModel{}
		got := a.prior(specOf(signalCPUPerByte), "memstats", m, compare.Default())
		bounded := strings.Contains(m.course[0], "bounded from")
		if want > 0 && (got.SD != want || !bounded) || want == 0 && (math.Abs(got.SD-sd) > 0.01 || bounded) || got.Freedom != 30 {
			t.Errorf("%g: learned %+v: %s", sd, got, m.course)
		}
	}
}

// TestPriorOfLittle: what is not enough to learn from, and why.
func TestPriorOfLittle(t *testing.T) {
	for name, tt := range map[string]struct {
		parts []fleetPart
		want  string
	}{
		"only the baseline":  {nil, "the default: no other release with two pods began in the 5h before"},
		"one pod":            {[]fleetPart{{version: "v1", pods: 1, from: 10, to: 110, allocation: 1, live: 1}}, "no other release with two pods"},
		"before the history": {[]fleetPart{{version: "v1", pods: 6, from: 0, to: 110, allocation: 1, live: 1}}, "no other release with two pods"},
		"fewer than 4":       {[]fleetPart{{version: "v1", pods: 4, from: 110, to: 210, allocation: 1, live: 1}}, "the default: 4 pods of 1 past releases are too few"},
		"just 4":             {[]fleetPart{{version: "v1", pods: 5, from: 110, to: 210, allocation: 1, live: 1}}, "(8 degrees of freedom), learned from 5 pods of 1 past releases"},
		"two and three":      {[]fleetPart{{version: "v1", pods: 3, from: 110, to: 210, allocation: 1, live: 1}, {version: "v2", pods: 3, from: 210, to: 310, allocation: 1, live: 2}}, "(8 degrees of freedom), learned from 6 pods of 2 past releases"},
		"gone too soon":      {[]fleetPart{{version: "v1", pods: 5, from: 110, to: 140, allocation: 1, live: 1}}, "the default: 0 pods of 0 past releases are too few"},
		"more than six":      {many(8, 2), "(10 degrees of freedom), learned from 12 pods of 6 past releases"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 640
			parts := []fleetPart{{version: "v5", pods: 3, from: 530, to: n, allocation: 1, live: 1}, {version: "v6", pods: 2, from: 560, to: n, allocation: 1, live: 1}}
			r := compareWith(t, fleet(1, half, n, append(parts, tt.parts...)...), priorFlags(""))
			got := courseOf(r, "prior of heap_live_bytes") + courseOf(r, "prior:")
			if !strings.Contains(got, tt.want) || !strings.Contains(string(r.text()), tt.want) {
				t.Errorf("%q, want %q in\n%s", got, tt.want, r.text())
			}
		})
	}
}

// TestPriorAsksForFewPods: a release with more pods than all six may have is left out, whatever else there is.
func TestPriorAsksForFewPods(t *testing.T) {
	p := &pairing{g: &gatherer{}, grid: grid{step: half}, candidate: side{release: release{version: "new"}}}
	on := grid{end: storeNow, step: time.Minute, n: 100}
	var seen promapi.Answer
	for i, pods := range []float64{1e300, 301, 200, 101, 100, math.NaN(), 2, 1} {
		at := on.at(90 - 10*i).UnixMilli()
		seen.Series = append(seen.Series, promapi.Series{Labels: map[string]string{"service_version": fmt.Sprint(pods)}, Points: []promapi.Point{{At: at, Value: pods}}})
	}
	got := ""
	for _, one := range p.ancestors(seen, on, storeNow, release{version: "100"}) {
		got += one.release.version + " "
	}
	if got != "200 2 " {
		t.Errorf("asks for %s", got)
	}
}

// many releases follow each other; the last ends where v5 begins.
func many(releases, pods int) (parts []fleetPart) {
	for i := range releases {
		parts = append(parts, fleetPart{version: fmt.Sprintf("past%d", i), pods: pods, from: 120 + 40*i, to: 210 + 40*i, allocation: 1, live: 1})
	}
	return parts
}

// tampered is a store whose answers about the past are not what they should be.
type tampered struct {
	store
	tamper func(promapi.Answer) (promapi.Answer, error)
	past   atomic.Int32
}

func (s *tampered) QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (promapi.Answer, error) {
	a, err := s.store.QueryRange(ctx, expr, start, end, step)
	if err == nil && strings.Contains(expr, " offset ") {
		s.past.Add(1)
		return s.tamper(a)
	}
	return a, err
}
