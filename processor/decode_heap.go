// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/heapgate/heapgate/internal/signal"
)

// heapReaders read MemStats and the sums of the heap profile.
var heapReaders = map[string]reader{
	"go.memory.gc.cycles": func(d *decoder, m pmetric.Metric) {
		if p, ok := d.ofHeap.number(m, &d.heap.Cycles); ok {
			d.heap.At, d.heap.Start = uint64(p.Timestamp()), uint64(p.StartTimestamp())
		}
	},
	"go.memory.allocated":             heapNumber(func(h *signal.Heap) *signal.Number { return &h.Allocated }),
	"go.memory.allocations":           heapNumber(func(h *signal.Heap) *signal.Number { return &h.Objects }),
	"go.memory.gc.goal":               heapNumber(func(h *signal.Heap) *signal.Number { return &h.Goal }),
	"heapgate.container.memory.limit": heapNumber(func(h *signal.Heap) *signal.Number { return &h.ContainerLimit }),
	"heapgate.gc.cpu_fraction":        heapNumber(func(h *signal.Heap) *signal.Number { return &h.CPUFraction }),
	"heapgate.gc.forced":              heapNumber(func(h *signal.Heap) *signal.Number { return &h.Forced }),
	"heapgate.gc.last":                heapNumber(func(h *signal.Heap) *signal.Number { return &h.LastGC }),
	"heapgate.gc.pause.max":           heapNumber(func(h *signal.Heap) *signal.Number { return &h.PauseMax }),
	"heapgate.heap.alloc":             heapNumber(func(h *signal.Heap) *signal.Number { return &h.Alloc }),
	"heapgate.heap.idle":              heapNumber(func(h *signal.Heap) *signal.Number { return &h.Idle }),
	"heapgate.heap.inuse":             heapNumber(func(h *signal.Heap) *signal.Number { return &h.InuseSpans }),
	"heapgate.heap.released":          heapNumber(func(h *signal.Heap) *signal.Number { return &h.Released }),
	"heapgate.memory.limit":           heapNumber(func(h *signal.Heap) *signal.Number { return &h.Limit }),
	"heapgate.observed_until": func(d *decoder, m pmetric.Metric) {
		if p, ok := d.ofHeap.number(m, &d.heap.ObservedUntil); ok {
			d.profileAt = uint64(p.Timestamp())
		}
	},
	"heapgate.process.rss.max":    heapNumber(func(h *signal.Heap) *signal.Number { return &h.RSSMax }),
	"heapgate.process.start_time": heapNumber(func(h *signal.Heap) *signal.Number { return &h.ProcessStart }),
	"heapgate.profile.allocated": func(d *decoder, m pmetric.Metric) {
		d.heap.Profile = true
		if p, ok := d.ofHeap.number(m, &d.heap.ProfileAlloc); ok {
			d.profileStart = uint64(p.StartTimestamp())
		}
	},
	"heapgate.profile.inuse":      profileNumber(func(h *signal.Heap) *signal.Number { return &h.Inuse }),
	"heapgate.profile.rate":       profileNumber(func(h *signal.Heap) *signal.Number { return &h.Rate }),
	"go.memory.gc.pause.duration": (*decoder).pauses,
	"go.memory.used":              (*decoder).memoryUsed,
	"heapgate.runtime.info":       (*decoder).runtimeInfo,
}

func heapNumber(field func(*signal.Heap) *signal.Number) reader {
	return func(d *decoder, m pmetric.Metric) { d.ofHeap.number(m, field(&d.heap)) }
}

// profileNumber is one of the heap profile: that it is there says that a profile was read.
func profileNumber(field func(*signal.Heap) *signal.Number) reader {
	return func(d *decoder, m pmetric.Metric) {
		d.heap.Profile = true
		d.ofHeap.number(m, field(&d.heap))
	}
}

func (d *decoder) pauses(m pmetric.Metric) {
	d.ofHeap.there = true
	if m.Type() != pmetric.MetricTypeHistogram {
		d.ofHeap.broken = wrongType
		return
	}
	if m.Histogram().AggregationTemporality() == pmetric.AggregationTemporalityDelta {
		d.ofHeap.broken = deltaSum
		return
	}
	for _, p := range m.Histogram().DataPoints().All() {
		if p.Flags().NoRecordedValue() {
			continue
		}
		counts := make([]float64, p.BucketCounts().Len())
		for i := range counts {
			counts[i] = float64(p.BucketCounts().At(i))
		}
		d.heap.Pauses = signal.Histogram{Bounds: p.ExplicitBounds().AsRaw(), Counts: counts}
		d.heap.PauseSum = signal.Number{Value: p.Sum(), Known: p.HasSum()}
	}
}

// memoryUsed is the memory of the runtime by type.
type memoryUsed struct{ stack, other signal.Number }

func (d *decoder) memoryUsed(m pmetric.Metric) {
	for _, p := range d.ofHeap.points(m).All() {
		switch text(p, "go.memory.type") {
		case "stack":
			d.memory.stack = value(p)
		case "other":
			d.memory.other = value(p)
		}
	}
}

// runtimeInfo is what the stacks tell of the runtime.
type runtimeInfo struct{ version, maps string }

func (d *decoder) runtimeInfo(m pmetric.Metric) {
	var p part // a name that cannot be read makes no numbers wrong
	for _, point := range p.points(m).All() {
		if value(point).Known {
			d.runtime = runtimeInfo{text(point, "heapgate.runtime.version"), text(point, "heapgate.runtime.maps")}
		}
	}
}

// noSwissMap is how a version of Go says that the program was built with the old maps, see runtime.Version.
const noSwissMap = "X:noswissmap"

// of prefers what the resource says: whoever put it there knows the process better than its stacks do. A version from a path
// in the stacks does not say which maps were built in, but the stacks do.
func (i runtimeInfo) of(resource pcommon.Resource) string {
	version := i.version
	if v, ok := resource.Attributes().Get("process.runtime.version"); ok && v.Str() != "" {
		version = v.Str()
	}
	switch {
	case version == "" && i.maps == "unknown":
		return ""
	case version == "":
		return i.maps
	case i.maps == "old" && !strings.Contains(version, noSwissMap):
		return version + " " + noSwissMap
	}
	return version
}

func (d *decoder) finishHeap(r *signal.Report) *signal.Heap {
	h := &d.heap
	h.Stack, h.Used = d.memory.stack, plus(d.memory.stack, d.memory.other)
	h.Sites = d.sites.list
	if d.guessed && h.At == 0 {
		h.At, h.Start = d.profileAt, d.profileStart // a profile from elsewhere comes without MemStats
	}
	blind := d.blind || h.Rate == signal.Of(0) // the process takes no samples
	h.Profile = h.Profile && !blind            // "no map site" would be a claim that nobody can make
	if d.ofFamilies.readable(signal.OfFamily, r) {
		h.Families = d.families.list
	}
	return h
}
