// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import "time"

// Settings bound what is remembered of one process.
type Settings struct {
	Window       time.Duration // positive
	MaxSnapshots int           // points of a history, at least 2
	MaxSites     int           // map sites, at least 1
}

// Target is what is remembered of one process.
type Target struct {
	heap     heapState
	trace    traceState
	gc       gcState
	climb    climbState
	mapping  mapState
	families familyState
	blocking blockingState
}

// Observe learns from an observation and adds what follows from it to the report. The parts after the two halves read what
// these remember; each begins afresh when the half that it stands on did (see epoch).
func (t *Target) Observe(o Observation, set Settings, r *Report) {
	if o.LowConfidence && o.Heap != nil {
		o.Heap = t.heap.foreign(o.Heap)
		defer r.lowConfidence(o.Heap.At)
	}
	if o.Heap != nil {
		t.heap.observe(o.Heap, set, r)
	}
	if o.Trace != nil {
		t.trace.observe(o.Trace, set, r)
	}
	t.gc.observe(&o, t, set, r)
	t.climb.observe(&o, t, set, r)
	t.mapping.observe(&o, t, set, r)
	t.families.observe(&o, t, set, r)
	t.blocking.observe(&o, t, set, r)
}

func seconds(nanoseconds uint64) float64 { return float64(nanoseconds) / 1e9 }

// late is what to do with an observation that is not newer than the last one, both in unix nanoseconds.
func late(at, last uint64, window time.Duration) (refuse, clockSet bool) {
	if at > last {
		return false, false
	}
	clockSet = last-at > uint64(window)
	return !clockSet, clockSet
}
