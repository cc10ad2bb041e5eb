// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"

	"github.com/heapgate/heapgate/internal/promapi"
)

const (
	metricLeak        = "heapgate_signal_heap_leak"
	metricTimeToLimit = "heapgate_signal_heap_time_to_limit_lower_seconds"
)

// leakStates from the best to the worst.
var leakStates = []string{"none", "unknown", "leak"}

// leak asks for the processor's verdict on a leak over hours. The worst target counts, of several leaks the one with the least time
// left. A store without the signal has no leak to report, and no absence of one either: then there is no fact.
func (g *gatherer) leak(ctx context.Context, all targets, facts *evidence) error {
	answers, err := g.ask(ctx, g.latest(metricLeak), g.latest(metricTimeToLimit))
	if err != nil {
		return err
	}
	left := map[string]float64{} // by target; the nearer of its limits
	for _, s := range answers[1].Series {
		id, value := identity(s.Labels), s.Points[0].Value
		if known, ok := left[id]; isNumber(value) && value >= 0 && (!ok || value < known) {
			left[id] = value
		}
	}
	for _, s := range sortedSeries(answers[0].Series) {
		state, id := s.Labels["heapgate_leak"], identity(s.Labels)
		if s.Points[0].Value != 1 || !slices.Contains(leakStates, state) || all[id] == nil {
			continue
		}
		one := leakFact{State: &state, Target: all[id].name}
		if reason := s.Labels["heapgate_reason"]; reason != "" {
			one.Reason = &reason
		}
		if seconds, ok := left[id]; ok {
			one.TimeToLimit = &seconds
		}
		if facts.Leak == nil || one.worse(*facts.Leak) {
			facts.Leak = &one
		}
	}
	if facts.Leak != nil && !wholly(answers) {
		unknown, reason := "unknown", reasonPartial
		facts.Leak.State, facts.Leak.Reason = &unknown, &reason
	}
	return nil
}

func (l leakFact) worse(than leakFact) bool {
	a, b := slices.Index(leakStates, *l.State), slices.Index(leakStates, *than.State)
	if a != b {
		return a > b
	}
	return l.TimeToLimit != nil && (than.TimeToLimit == nil || *l.TimeToLimit < *than.TimeToLimit)
}

func wholly(answers []promapi.Answer) bool {
	for _, a := range answers {
		if a.Partial || len(a.Warnings) > 0 {
			return false
		}
	}
	return true
}
