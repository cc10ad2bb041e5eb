// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
)

// heard is all that the store has of one target, at steps of the interval.
type heard struct {
	steps  []int64 // Unix milliseconds
	series map[string][]promapi.Series
}

// hear asks the store for a target's series between two times.
func hear(ctx context.Context, store, id string, from, to time.Time, step time.Duration) (*heard, error) {
	client, err := promapi.New(store, promapi.Settings{MaxSeries: 5000, MaxBodyBytes: 256 << 20})
	if err != nil {
		return nil, err
	}
	answer, err := client.QueryRange(ctx, `{__name__=~"heapgate_.*|go_.*", instance=`+strconv.Quote(id)+`}`, from, to, step)
	if err != nil {
		return nil, err
	}
	h := &heard{series: map[string][]promapi.Series{}}
	for _, s := range answer.Series {
		name := s.Labels["__name__"]
		h.series[name] = append(h.series[name], s)
		for _, p := range s.Points {
			h.steps = append(h.steps, p.At)
		}
	}
	slices.Sort(h.steps)
	h.steps = slices.Compact(h.steps)
	if len(h.steps) == 0 {
		return nil, fmt.Errorf("the store has nothing of %s", id)
	}
	return h, nil
}

// label is one that a series must have, by its name in the store.
type label struct{ name, value string }

// all series of a metric with these labels.
func (h *heard) all(metric string, labels ...label) []promapi.Series {
	var found []promapi.Series
	for _, s := range h.series[metric] {
		if !slices.ContainsFunc(labels, func(l label) bool { return s.Labels[l.name] != l.value }) {
			found = append(found, s)
		}
	}
	return found
}

// at is the value of a metric at a step; the series must be alone.
func (h *heard) at(step int64, metric string, labels ...label) (float64, bool) {
	for _, s := range h.all(metric, labels...) {
		if v, ok := valueAt(s, step); ok {
			return v, true
		}
	}
	return 0, false
}

func valueAt(s promapi.Series, step int64) (float64, bool) {
	i, ok := slices.BinarySearchFunc(s.Points, step, func(p promapi.Point, at int64) int { return int(p.At - at) })
	if !ok {
		return 0, false
	}
	return s.Points[i].Value, true
}

// lastStep at which a metric was said.
func (h *heard) lastStep(metric string, labels ...label) (int64, bool) {
	last := int64(0)
	for _, s := range h.all(metric, labels...) {
		if n := len(s.Points); n > 0 {
			last = max(last, s.Points[n-1].At)
		}
	}
	return last, last > 0
}

// snapshot is a step at which a new cycle was heard.
type snapshot struct {
	step                  int64
	until, cycles, lastGC float64
}

const (
	observedUntil = "heapgate_observed_until_seconds"
	gcCycles      = "go_memory_gc_cycles_total"
	gcLast        = "heapgate_gc_last_seconds"
)

// snapshots up to and with a step.
func (h *heard) snapshots(upTo int64) (all []snapshot) {
	for _, step := range h.steps {
		if step > upTo {
			break
		}
		until, ok := h.at(step, observedUntil)
		cycles, okCycles := h.at(step, gcCycles)
		lastGC, okLast := h.at(step, gcLast)
		if ok && okCycles && okLast && (len(all) == 0 || cycles > all[len(all)-1].cycles) {
			all = append(all, snapshot{step, until, cycles, lastGC})
		}
	}
	return all
}

// window is the first and the last snapshot that the processor derived its signals from at a step.
func (h *heard) window(step int64) (first, last snapshot, ok bool) {
	all := h.snapshots(step)
	length, said := h.at(step, "heapgate_signal_window_seconds")
	if !said || len(all) < 2 {
		return snapshot{}, snapshot{}, false
	}
	last = all[len(all)-1]
	for _, s := range all {
		if d := s.until - (last.until - length); d > -1e-3 && d < 1e-3 {
			return s, last, true
		}
	}
	return snapshot{}, snapshot{}, false
}
