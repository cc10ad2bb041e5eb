// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"sort"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/heapgate/heapgate/internal/heap"
)

const pauseMetric = "go.memory.gc.pause.duration"

// pauseBounds in seconds: dense where pauses of a healthy and of a sick process lie, 50 microseconds to 0.5 s.
var pauseBounds = []float64{
	1e-5, 2e-5, 5e-5, 1e-4, 1.5e-4, 2e-4, 3e-4, 5e-4, 7e-4, 1e-3, 1.5e-3, 2e-3, 3e-3, 5e-3, 7e-3,
	0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5,
}

// pauses sums the ring of the last 256 pauses into a cumulative histogram.
type pauses struct {
	cycle  uint32 // highest GC cycle already summed
	heard  bool
	counts []uint64
	count  uint64
	sum    time.Duration
	min    time.Duration
	max    time.Duration
}

// add sums the cycles since the last call. It returns the longest of them, 0 if there was none, and how many had left
// the ring before they could be heard. The first call takes what the ring still knows, which may be old: it has no longest.
func (p *pauses) add(m *heap.MemStats) (longest time.Duration, lost uint32) {
	if p.counts == nil {
		p.counts = make([]uint64, len(pauseBounds)+1)
	}
	first := p.cycle + 1
	if oldest := oldestCycle(m); first < oldest {
		if p.heard {
			lost = oldest - first
		}
		first = oldest
	}
	for cycle := first; cycle <= m.NumGC; cycle++ {
		ns, _, ok := m.Pause(cycle)
		if !ok {
			continue
		}
		pause := time.Duration(ns)
		longest = max(longest, pause)
		p.counts[sort.SearchFloat64s(pauseBounds, pause.Seconds())]++
		if p.count == 0 || pause < p.min {
			p.min = pause
		}
		p.count++
		p.sum += pause
		p.max = max(p.max, pause)
	}
	if !p.heard {
		longest = 0
	}
	p.cycle, p.heard = m.NumGC, true
	return longest, lost
}

// oldestCycle that the ring of 256 still holds, 1-based.
func oldestCycle(m *heap.MemStats) uint32 {
	if m.NumGC <= uint32(len(m.PauseNs)) {
		return 1
	}
	return m.NumGC - uint32(len(m.PauseNs)) + 1
}

// firstCycleEnd stands for the start of a process whose first GC cycle is still in the ring: a Go server reaches its
// first 4 MiB of heap while it starts. Zero if the ring has lost it.
func firstCycleEnd(m *heap.MemStats) time.Time {
	ns, end, ok := m.Pause(1)
	if !ok {
		return time.Time{}
	}
	return time.Unix(0, int64(end-ns))
}

func (p *pauses) emit(into pmetric.MetricSlice, start, at pcommon.Timestamp) {
	metric := into.AppendEmpty()
	metric.SetName(pauseMetric)
	metric.SetDescription("Stop-the-world pauses of GC cycles, from the first cycle still known when the process was first heard.")
	metric.SetUnit("s")
	histogram := metric.SetEmptyHistogram()
	histogram.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	point := histogram.DataPoints().AppendEmpty()
	point.SetStartTimestamp(start)
	point.SetTimestamp(at)
	point.ExplicitBounds().FromRaw(pauseBounds)
	point.BucketCounts().FromRaw(p.counts)
	point.SetCount(p.count)
	point.SetSum(p.sum.Seconds())
	if p.count > 0 {
		point.SetMin(p.min.Seconds())
		point.SetMax(p.max.Seconds())
	}
}
