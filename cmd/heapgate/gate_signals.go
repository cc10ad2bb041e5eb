// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// The floors below which a reading is no reading at all, whatever the policies demand beyond them.
const (
	staleAfter  = 5 * time.Minute // Prometheus' own lookback
	minCoverage = 0.5
)

const (
	signalMemoryLimit = "memory_limit_bytes"
	signalSites       = "map_sites_watched"
	signalWindows     = "windows"
	signalHeapLive    = "heap_live_bytes"
	signalCPUPerByte  = "gc_cpu_per_byte"
	signalAllocation  = "allocation_rate_bytes_per_second"
	signalMemoryShare = "memory_share"
)

// signalSpec says where a signal comes from and how it is reduced: over the points of one target, then over the targets.
type signalSpec struct {
	name, metric, unit string
	sources            []string // preferred first; nil: the metric has no heapgate_source
	over               func([]float64) float64
	lowest             bool // the worst target is the one with the lowest value

	label    string // of the sources; "" is heapgate_source
	left     bool   // the metric says which share is left, the signal which is used
	optional bool   // older collectors do not write it
}

// The processor's signals describe a window up to their own time already. So a share or a rate is the median of its points: its
// maximum is that of the first few cycles of a young process. What may happen only once (a pause, a heap peak, pressure) is the
// maximum. What only counts evidence is the last point.
var signalSpecs = []signalSpec{
	{name: "gc_cpu_share", metric: "heapgate_signal_gc_cpu_share_ratio", unit: "1", sources: []string{"memstats", "gctrace"}, over: median},
	{name: signalCPUPerByte, metric: "heapgate_signal_gc_cpu_per_byte_seconds_per_By", unit: "s/By", sources: []string{"memstats", "gctrace"}, over: median, optional: true},
	{name: "gc_pause_p99_seconds", metric: "heapgate_signal_gc_pause_p99_seconds", unit: "s", over: slices.Max[[]float64]},
	{name: signalHeapLive, metric: "heapgate_signal_heap_live_bytes", unit: "By", sources: []string{"gctrace", "profile"}, over: slices.Max[[]float64]},
	{name: signalMemoryLimit, metric: "heapgate_memory_limit_bytes", unit: "By", over: lastOf, lowest: true, optional: true},
	// Of the container's limit only: a process that collects no garbage before GOMEMLIMIT uses all of that one, by intention.
	{name: signalMemoryShare, metric: "heapgate_signal_heap_headroom_ratio", unit: "1", sources: []string{"container"}, label: "heapgate_limit", left: true, over: slices.Max[[]float64], optional: true},
	{name: signalAllocation, metric: "heapgate_signal_heap_allocation_rate_bytes_per_second", unit: "By/s", over: median},
	{name: "limit_pressure", metric: "heapgate_signal_gc_limit_pressure_ratio", unit: "1", sources: []string{"gctrace", "memstats"}, over: slices.Max[[]float64]},
	{name: "cycles", metric: "heapgate_signal_cycles", unit: "{gc_cycle}", over: lastOf, lowest: true},
	{name: signalWindows, metric: "heapgate_signal_windows", unit: "{window}", over: lastOf, lowest: true},
	{name: signalSites, metric: "heapgate_signal_map_sites", unit: "{site}", over: lastOf, lowest: true},
}

func specOf(name string) signalSpec {
	return signalSpecs[slices.IndexFunc(signalSpecs, func(s signalSpec) bool { return s.name == name })]
}

// source of a series: the value of the label that tells several series of one signal of one target apart.
func (s signalSpec) source(labels map[string]string) string {
	switch {
	case s.sources == nil:
		return ""
	case s.label != "":
		return labels[s.label]
	}
	return labels["heapgate_source"]
}

func lastOf(points []float64) float64 { return points[len(points)-1] }

func median(points []float64) float64 {
	sorted := slices.Sorted(slices.Values(points))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return sorted[middle-1]/2 + sorted[middle]/2
}

// reading is one signal of one target.
type reading struct {
	signalFact
	reason string // "" if there is a value
}

// absence is why there is no value.
type absence struct{ reason, detail string }

func (s signalFact) without(reason, detail string) signalFact {
	s.Value, s.Reason, s.Detail = nil, &reason, detail
	return s
}

// readingOf takes the preferred source that yields a value, and the first one's absence if none does.
func (t *target) readingOf(spec signalSpec, g *gatherer) reading {
	sources := spec.sources
	if sources == nil {
		sources = []string{""}
	}
	var first *reading
	for _, source := range sources {
		track, ok := t.tracks[spec.name][source]
		if !ok {
			continue
		}
		r := t.reduce(spec, track, g)
		if source != "" && r.reason == "" {
			r.Detail = "from " + source
		}
		if r.reason == "" {
			return r
		}
		if first == nil {
			first = &r
		}
	}
	if first != nil {
		return *first
	}
	r := reading{signalFact: signalFact{Unit: spec.unit, Target: t.name, ExpectedSamples: g.grid.n - t.first}, reason: reasonMissing}
	r.signalFact = r.without(reasonMissing, fmt.Sprintf("%s was scraped in the window but has no %s", t.shown(), spec.metric))
	return r
}

// reduce checks the points of one series and makes one value of them.
func (t *target) reduce(spec signalSpec, points track, g *gatherer) reading {
	values, expected := points.values(), max(1, g.grid.n-t.first)
	before := 0 // points older than the target's first sign of life
	for i := range t.first {
		if points.present[i] {
			before++
		}
	}
	samples := len(values) - before
	r := reading{signalFact: signalFact{Unit: spec.unit, Target: t.name, Samples: samples, ExpectedSamples: expected, Coverage: floor4(float64(samples) / float64(expected))}}
	none := func(reason, format string, args ...any) reading {
		r.reason = reason
		r.signalFact = r.without(reason, fmt.Sprintf(format, args...))
		return r
	}
	if len(values) == 0 {
		return none(reasonMissing, "%s was scraped in the window but has no %s", t.shown(), spec.metric)
	}
	age := g.age(points.last())
	seconds := age.Round(time.Millisecond).Seconds()
	r.AgeSeconds = &seconds
	broken := 0
	for _, v := range values {
		if !isNumber(v) {
			broken++
		}
	}
	switch {
	case points.duplicate || t.up.duplicate:
		return none(reasonDuplicate, "%s has more than one series of %s; do two collectors scrape it?", t.shown(), spec.metric)
	case broken > 0:
		return none(reasonNaN, "%s has %d of %d points of %s that are NaN or infinite", t.shown(), broken, len(values), spec.metric)
	case age > staleAfter:
		return none(reasonStale, "the newest %s of %s is %s old", spec.metric, t.shown(), age.Round(time.Second))
	case r.Coverage < minCoverage:
		return none(reasonGap, "%s has %d of %d points of %s", t.shown(), samples, expected, spec.metric)
	}
	value := spec.over(values)
	r.Value = &value
	return r
}

func (t *target) shown() string {
	if t.name == "" {
		return "a target without the label instance"
	}
	return t.name
}

// Absences from the one that most needs a human to the one that time may heal.
var absenceOrder = []string{reasonDuplicate, reasonNaN, reasonMissing, reasonStale, reasonGap}

// worst is the reading of the worst target. No value is worse than any value. Coverage and age are the worst of all targets,
// whichever target the value is from.
func (all targets) worst(spec signalSpec, g *gatherer) signalFact {
	var worst reading
	var least, oldest *signalFact
	absent := 0
	for i, t := range all.sorted() {
		r := t.readingOf(spec, g)
		if r.reason != "" {
			absent++
		}
		if i == 0 || worse(r, worst, spec.lowest) {
			worst = r
		}
		if s := r.signalFact; least == nil || s.Coverage < least.Coverage {
			least = &s
		}
		if s := r.signalFact; s.AgeSeconds != nil && (oldest == nil || *s.AgeSeconds > *oldest.AgeSeconds) {
			oldest = &s
		}
	}
	out := worst.signalFact
	if absent > 1 {
		out.Detail += fmt.Sprintf("; %d of %d targets have no usable value", absent, len(all))
	}
	out.Samples, out.ExpectedSamples, out.Coverage = least.Samples, least.ExpectedSamples, least.Coverage
	if oldest != nil {
		out.AgeSeconds = oldest.AgeSeconds
	}
	return out
}

func worse(a, b reading, lowest bool) bool {
	if a.reason != "" || b.reason != "" {
		return rank(a.reason) < rank(b.reason)
	}
	if lowest {
		return *a.Value < *b.Value
	}
	return *a.Value > *b.Value
}

func rank(reason string) int {
	if i := slices.Index(absenceOrder, reason); i >= 0 {
		return i
	}
	return len(absenceOrder)
}

// floor4 rounds a share down, so that 0.79999 never reads as 0.8.
func floor4(x float64) float64 { return math.Floor(min(x, 1)*1e4) / 1e4 }
