// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/heapgate/heapgate/internal/verdict/compare"
)

// What a signal is adjusted for.
const (
	noLoadNeeded = ""             // a natural ratio
	byCounter    = "load"         // what the workload counts of its work
	byCommon     = "common"       // what the baseline allocates at the same time
	byAllocation = "allocation"   // what each pod allocates itself
	byNothing    = "unadjustable" // it depends on the load, and that is not known
)

// sample asks for the signals and the load of one side.
func (g *gatherer) sample(ctx context.Context, s *side, load string) error {
	var queries []query
	for _, name := range comparedNames {
		expr := g.overStep(specOf(name).metric, s.asked)
		if name == signalAllocation {
			expr = g.allocation(s.asked)
		}
		queries = append(queries, query{expr: expr, on: &s.grid})
	}
	queries = append(queries, query{expr: g.rateOf(load, s.asked), on: &s.grid})
	answers, err := g.ask(ctx, queries...)
	if err != nil {
		return err
	}
	all := targets{}
	for _, t := range s.targets {
		t.tracks = map[string]map[string]track{}
		all[identity(t.labels)] = t
	}
	for i, name := range comparedNames {
		all.read(specOf(name), answers[i], s.grid)
	}
	all.read(signalSpec{name: byCounter}, answers[len(comparedNames)], s.grid)
	return nil
}

// allocation asks the counter itself where it is stored: the signal is of a whole window of the processor, so that its points say nearly
// the same as those before, and it lags behind a load that moves.
func (g *gatherer) allocation(w workload) string {
	by := strings.Join(identityLabels, ", ")
	once := func(expr, metric string) string { // Two series of one process are poison, or two collectors: neither is taken.
		return fmt.Sprintf("(%s unless count by (%s) (last_over_time(%s[%s])) > 1)", expr, by, g.selector(metric, w), promDuration(3*g.settings.step))
	}
	signal := specOf(signalAllocation).metric
	return fmt.Sprintf("%s or %s", once(g.rateOf(metricAllocated, w), metricAllocated), once(fmt.Sprintf("sum by (%s) (%s)", by, g.overStep(signal, w)), signal))
}

// loadModel says what each signal is adjusted for.
type loadModel struct {
	concurrent, given, counted bool
	common                     []float64 // by point; NaN where it is not known
	course                     []string
}

func newLoadModel(kind, given, metric string, base, candidate *side) loadModel {
	m := loadModel{concurrent: kind == baselineConcurrent, given: given != "", counted: base.has(byCounter, "") && candidate.has(byCounter, "")}
	switch {
	case m.counted:
		m.course = []string{"load: rate of " + metric}
	case m.given:
		m.course = []string{"load: " + metric + " is not in the store for both sides; what depends on it stays undecided"}
	case m.concurrent:
		m.course = []string{"load: " + metric + " is not in the store; what the baseline allocates at the same time stands for it"}
		m.common = base.meanOf(signalAllocation)
	default:
		m.course = []string{"load: " + metric + " is not in the store; the heap is adjusted for what is allocated, and allocation cannot be"}
	}
	return m
}

// of is what a signal is adjusted for. Two versions that run at once share the ups and downs of one load, and those of the baseline's
// allocation show them; a candidate's own allocation would hide that it allocates more, but is all there is for two times.
func (m loadModel) of(signal string) string {
	switch {
	case signal == signalCPUPerByte: // c * 100/GOGC, whatever the load and the live heap are
		return noLoadNeeded
	case m.counted:
		return byCounter
	case m.given:
		return byNothing
	case m.concurrent:
		return byCommon
	case signal == signalAllocation:
		return byNothing
	}
	return byAllocation
}

// meanOf is the mean of a signal without sources over the side's targets, by point.
func (s *side) meanOf(name string) []float64 {
	mean := make([]float64, s.grid.n)
	for i := range mean {
		sum, n := 0.0, 0
		for _, t := range s.targets {
			if one := t.tracks[name][""]; one.present != nil && one.present[i] && !one.duplicate && one.points[i] > 0 {
				sum, n = sum+one.points[i], n+1
			}
		}
		mean[i] = sum / float64(n) // NaN for none
	}
	return mean
}

// has tells whether at least half of the side's targets have points of a signal from a source.
func (s *side) has(name, source string) bool {
	n := 0
	for _, t := range s.targets {
		if track, ok := t.tracks[name][source]; ok && covered(track, s.from) > 0 {
			n++
		}
	}
	return n > 0 && 2*n >= len(s.targets)
}

func (s *side) hasAny(name string) bool {
	return slices.ContainsFunc(s.targets, func(t *target) bool { return len(t.tracks[name]) > 0 })
}

// commonSource is the first source that both sides have: two sources of one signal are never compared.
func commonSource(spec signalSpec, base, candidate *side) (string, bool) {
	sources := spec.sources
	if sources == nil {
		sources = []string{""}
	}
	for _, source := range sources {
		if base.has(spec.name, source) && candidate.has(spec.name, source) {
			return source, true
		}
	}
	return "", false
}

// pods are the side's targets as the package compare takes them. A signal begins a while after its process, which is no gap: points are
// expected from the end of the warm-up on.
func (s *side) pods(spec signalSpec, source string, m loadModel, warmUp time.Duration) []compare.Pod {
	load := m.of(spec.name)
	var pods []compare.Pod
	for _, t := range s.targets {
		pod := compare.Pod{Name: t.shown()}
		warm := time.Time{}
		if !t.born.IsZero() {
			pod.Born = t.born.UnixMilli()
			warm = t.born.Add(warmUp)
		}
		values := t.tracks[spec.name][source]
		for i := max(s.from, t.first); i < s.grid.n; i++ {
			at := s.grid.at(i)
			present := values.present != nil && values.present[i] && !values.duplicate && !t.up.duplicate
			if !at.Before(warm) || present {
				pod.Expected++
			}
			if present {
				pod.Points = append(pod.Points, compare.Point{At: at.UnixMilli(), Value: values.points[i], Load: t.loadAt(load, m.common, i)})
			}
		}
		pods = append(pods, pod)
	}
	return pods
}

func (t *target) loadAt(load string, common []float64, index int) float64 {
	track := track{}
	switch load {
	case byCommon:
		return common[index]
	case byCounter:
		track = t.tracks[byCounter][""]
	case byAllocation:
		track = t.tracks[signalAllocation][""]
	}
	if track.present == nil || !track.present[index] || track.duplicate {
		return math.NaN()
	}
	return track.points[index]
}
