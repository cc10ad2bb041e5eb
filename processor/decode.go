// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/heapgate/heapgate/internal/signal"
)

// receiverScope is the scope of the metrics that are decoded. An application may send go.* metrics of its own, with another start.
const receiverScope = "github.com/heapgate/heapgate/receiver"

// Reasons of this processor, next to those of the signals.
const (
	deltaSum   signal.Reason = "delta"       // a cumulative sum arrived as deltas
	wrongType  signal.Reason = "wrong_type"  // neither a sum nor a gauge, or not the histogram it should be
	noIdentity signal.Reason = "no_identity" // a resource without attributes
	noRoom     signal.Reason = "max_targets" // as many targets as there may be are being heard
)

// decoder reads the receiver's metrics of one resource. Of several data points of a series the last one counts.
type decoder struct {
	heap        signal.Heap
	trace       signal.Trace
	isHeap      bool // there is a metric of this half
	isTrace     bool
	heapBroken  signal.Reason // why this half cannot be read
	traceBroken signal.Reason
	work        [4]signal.Number
	sites       siteDecoder
	blind       bool // the profile cannot tell maps from other memory
}

// decode returns what the resource says of a Go process; a half that is not there or cannot be read is nil.
func decode(rm pmetric.ResourceMetrics, r *signal.Report) signal.Observation {
	var d decoder
	for _, scope := range rm.ScopeMetrics().All() {
		if scope.Scope().Name() != receiverScope {
			continue
		}
		for _, metric := range scope.Metrics().All() {
			d.metric(metric)
		}
	}
	return d.observation(r)
}

func (d *decoder) metric(m pmetric.Metric) {
	h, t := &d.heap, &d.trace
	switch m.Name() {
	case "go.memory.gc.cycles":
		if p, ok := d.heapPoint(m, &h.Cycles); ok {
			h.At, h.Start = uint64(p.Timestamp()), uint64(p.StartTimestamp())
		}
	case "go.memory.allocated":
		d.heapPoint(m, &h.Allocated)
	case "heapgate.observed_until":
		d.heapPoint(m, &h.ObservedUntil)
	case "heapgate.gc.last":
		d.heapPoint(m, &h.LastGC)
	case "heapgate.process.start_time":
		d.heapPoint(m, &h.ProcessStart)
	case "heapgate.gc.cpu_fraction":
		d.heapPoint(m, &h.CPUFraction)
	case "heapgate.gc.pause.max":
		d.heapPoint(m, &h.PauseMax)
	case "heapgate.heap.alloc":
		d.heapPoint(m, &h.Alloc)
	case "go.memory.gc.goal":
		d.heapPoint(m, &h.Goal)
	case "heapgate.profile.inuse":
		d.heapPoint(m, &h.Inuse)
		h.Profile = true
	case "heapgate.profile.rate":
		d.isHeap, h.Profile = true, true
		var rate signal.Number
		if d.heapPoint(m, &rate); rate == signal.Of(0) {
			d.blind = true // the process takes no samples
		}
	case "go.memory.gc.pause.duration":
		d.pauses(m)
	case "heapgate.site.allocated":
		d.site(m, func(s *signal.Site) *signal.Number { return &s.Allocated })
	case "heapgate.site.inuse":
		d.blind = d.blind || unclassified(m)
		d.site(m, func(s *signal.Site) *signal.Number { return &s.Inuse })
	case "heapgate.site.samples":
		d.site(m, func(s *signal.Site) *signal.Number { return &s.Samples })
	case "heapgate.site.stderr":
		d.site(m, func(s *signal.Site) *signal.Number { return &s.StdErr })
	case "heapgate.gctrace.cycles":
		if p, ok := d.tracePoint(m, &t.Cycles); ok {
			t.At, t.Start = uint64(p.Timestamp()), uint64(p.StartTimestamp())
		}
	case "heapgate.gc.elapsed":
		d.tracePoint(m, &t.Elapsed)
	case "heapgate.gc.cpu.time":
		d.gcWork(m)
	case "go.processor.limit":
		d.tracePoint(m, &t.Procs)
	case "heapgate.gc.over_goal":
		d.tracePoint(m, &t.OverGoal)
	case "heapgate.gctrace.summed":
		d.tracePoint(m, &t.Summed)
	case "heapgate.gctrace.heap.live":
		d.tracePoint(m, &t.Live)
	}
}

func (d *decoder) heapPoint(m pmetric.Metric, into *signal.Number) (pmetric.NumberDataPoint, bool) {
	d.isHeap = true
	return point(m, into, &d.heapBroken)
}

func (d *decoder) tracePoint(m pmetric.Metric, into *signal.Number) (pmetric.NumberDataPoint, bool) {
	d.isTrace = true
	return point(m, into, &d.traceBroken)
}

// point reads the metric's last data point, if it has one.
func point(m pmetric.Metric, into *signal.Number, broken *signal.Reason) (last pmetric.NumberDataPoint, found bool) {
	for _, p := range points(m, broken).All() {
		if n := value(p); n.Known {
			*into, last, found = n, p, true
		}
	}
	return last, found
}

// points of a gauge or a cumulative sum; none of anything else, which makes its half broken.
func points(m pmetric.Metric, broken *signal.Reason) pmetric.NumberDataPointSlice {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return m.Gauge().DataPoints()
	case pmetric.MetricTypeSum:
		if m.Sum().AggregationTemporality() != pmetric.AggregationTemporalityDelta {
			return m.Sum().DataPoints()
		}
		*broken = deltaSum
	default:
		*broken = wrongType
	}
	return pmetric.NewNumberDataPointSlice()
}

func value(p pmetric.NumberDataPoint) signal.Number {
	switch {
	case p.Flags().NoRecordedValue():
		return signal.Number{}
	case p.ValueType() == pmetric.NumberDataPointValueTypeInt:
		return signal.Of(float64(p.IntValue()))
	case p.ValueType() == pmetric.NumberDataPointValueTypeDouble:
		return signal.Of(p.DoubleValue())
	}
	return signal.Number{}
}

func (d *decoder) pauses(m pmetric.Metric) {
	d.isHeap = true
	if m.Type() != pmetric.MetricTypeHistogram {
		d.heapBroken = wrongType
		return
	}
	if m.Histogram().AggregationTemporality() == pmetric.AggregationTemporalityDelta {
		d.heapBroken = deltaSum
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
	}
}

// gcWork sums the CPU time of the GC without idle marking, which takes only what nobody else wanted.
func (d *decoder) gcWork(m pmetric.Metric) {
	d.isTrace = true
	for _, p := range points(m, &d.traceBroken).All() {
		work, ok := p.Attributes().Get("heapgate.gc.work")
		if !ok || !value(p).Known {
			continue
		}
		switch work.Str() {
		case "sweep_term":
			d.work[0] = value(p)
		case "assist":
			d.work[1] = value(p)
		case "background":
			d.work[2] = value(p)
		case "mark_term":
			d.work[3] = value(p)
		}
	}
	sum := signal.Of(0)
	for _, w := range d.work { // a missing one would make the share too small
		sum = signal.Number{Value: sum.Value + w.Value, Known: sum.Known && w.Known}
	}
	d.trace.CPU = sum
}

// observation is what was decoded, and notes what could not be.
func (d *decoder) observation(r *signal.Report) (o signal.Observation) {
	switch {
	case d.heapBroken != "":
		r.Refuse(signal.OfHeap, d.heapBroken)
	case d.isHeap:
		d.heap.Sites = d.sites.list
		d.heap.Profile = d.heap.Profile && !d.blind // "no map site" would be a claim that nobody can make
		o.Heap = &d.heap
	}
	switch {
	case d.traceBroken != "":
		r.Refuse(signal.OfTrace, d.traceBroken)
	case d.isTrace:
		o.Trace = &d.trace
	}
	return o
}
