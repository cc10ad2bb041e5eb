// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package simulation measures how often the comparison of package compare is wrong, beside what others do by default, on
// series of which the truth is known. The steps are:
//
//  1. series.go makes the pods of two versions: a log-normal level with autocorrelated noise and bursts, a load, an offset
//     of each pod, and a true ratio;
//  2. methods.go gives the pods to each method;
//  3. cells.go counts verdicts over many runs of one scenario, ratio and length;
//  4. table.go prints them as the tables of docs/statistics.md and says what exceeds the limits.
//
// Chance comes from fixed seeds, one a run, so that a number in the tables can be had again.
package simulation

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/heapgate/heapgate/internal/verdict/compare"
)

const (
	stepMillis = 15_000 // a scrape
	start      = int64(1_700_000_000_000)
	level      = 256 << 20 // bytes
	noiseSD    = 0.08      // marginal, of the log
	burstShare = 0.02
	loadAR     = 0.95
)

// Scenario is how two versions behave that differ by a known ratio.
type Scenario struct {
	Name      string
	Says      string
	AR        float64 // autocorrelation of the noise from one scrape to the next
	LoadSD    float64 // of the log load, its autocorrelation is 0.95
	LoadShift float64 // candidate's load over the baseline's
	Affine    bool    // half of the level is fixed, half goes with the load
	PodSD     float64 // of the log level between pods
	Baseline  int     // pods
	Candidate int
}

// Scenarios are S1 to S7.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: "S1", Says: "independent noise", LoadSD: 0.10, LoadShift: 1, Baseline: 1, Candidate: 1},
		{Name: "S2", Says: "AR 0.8", AR: 0.8, LoadSD: 0.10, LoadShift: 1, Baseline: 1, Candidate: 1},
		{Name: "S3", Says: "AR 0.8, candidate's load +40 %", AR: 0.8, LoadSD: 0.20, LoadShift: 1.4, Affine: true, Baseline: 1, Candidate: 1},
		{Name: "S4", Says: "AR 0.8, candidate's load -30 %", AR: 0.8, LoadSD: 0.20, LoadShift: 0.7, Affine: true, Baseline: 1, Candidate: 1},
		{Name: "S5", Says: "AR 0.95", AR: 0.95, LoadSD: 0.10, LoadShift: 1, Baseline: 1, Candidate: 1},
		{Name: "S6", Says: "AR 0.8, pods 3 % apart, 3 against 1", AR: 0.8, LoadSD: 0.10, LoadShift: 1, Affine: true, PodSD: 0.03, Baseline: 3, Candidate: 1},
		{Name: "S7", Says: "AR 0.8, pods 3 % apart, 5 against 5", AR: 0.8, LoadSD: 0.10, LoadShift: 1, Affine: true, PodSD: 0.03, Baseline: 5, Candidate: 5},
	}
}

// pair is what one run gives a method.
type pair struct{ baseline, candidate []compare.Pod }

func (s Scenario) draw(rng *rand.Rand, ratio float64, points int) pair {
	var p pair
	for i := range s.Baseline {
		p.baseline = append(p.baseline, s.pod(rng, fmt.Sprintf("old-%d", i), 1, 1, points))
	}
	for i := range s.Candidate {
		p.candidate = append(p.candidate, s.pod(rng, fmt.Sprintf("new-%d", i), ratio, s.LoadShift, points))
	}
	return p
}

func (s Scenario) pod(rng *rand.Rand, name string, ratio, shift float64, points int) compare.Pod {
	pod := compare.Pod{Name: name, Born: start - 3_600_000, Expected: points, Points: make([]compare.Point, points)}
	offset := s.PodSD * rng.NormFloat64()
	noise, load := newWalk(rng, s.AR, noiseSD), newWalk(rng, loadAR, s.LoadSD)
	for i := range pod.Points {
		l := shift * math.Exp(load.next(rng))
		value := level * ratio * math.Exp(offset+noise.next(rng))
		if s.Affine {
			value *= 0.5 + 0.5*l
		}
		if rng.Float64() < burstShare {
			value *= 1.3 + 0.7*rng.Float64()
		}
		pod.Points[i] = compare.Point{At: start + int64(i)*stepMillis, Value: value, Load: 1000 * l}
	}
	return pod
}

// walk is an AR(1) process in its stationary state.
type walk struct{ at, keep, step float64 }

func newWalk(rng *rand.Rand, keep, sd float64) *walk {
	return &walk{at: sd * rng.NormFloat64(), keep: keep, step: sd * math.Sqrt(1-keep*keep)}
}

func (w *walk) next(rng *rand.Rand) float64 {
	now := w.at
	w.at = w.keep*w.at + w.step*rng.NormFloat64()
	return now
}

// until is the pair as it was after the first points.
func (p pair) until(points int) pair {
	cut := func(pods []compare.Pod) []compare.Pod {
		short := make([]compare.Pod, len(pods))
		for i, pod := range pods {
			pod.Points, pod.Expected = pod.Points[:points], points
			short[i] = pod
		}
		return short
	}
	return pair{cut(p.baseline), cut(p.candidate)}
}
