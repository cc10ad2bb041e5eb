// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"maps"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/heapgate/heapgate/internal/signal"
)

// The scopes of the metrics that are decoded. An application may send go.* metrics of its own, with another start.
const (
	receiverScope  = "github.com/heapgate/heapgate/receiver"
	connectorScope = "github.com/heapgate/heapgate/connector" // go_profiles: of a profile that came from elsewhere
)

// Reasons of this processor, next to those of the signals.
const (
	deltaSum   signal.Reason = "delta"       // a cumulative sum arrived as deltas
	wrongType  signal.Reason = "wrong_type"  // neither a sum nor a gauge, or not the histogram it should be
	tooLong    signal.Reason = "too_long"    // the name of a site is longer than any that a compiler writes
	noIdentity signal.Reason = "no_identity" // a resource without attributes
	noRoom     signal.Reason = "max_targets" // as many targets as there may be are being heard
	noMemory   signal.Reason = "state_size"  // the targets that are being heard take all the memory they may
)

// decoder reads the receiver's metrics of one resource. Of several data points of a series the last one counts.
type decoder struct {
	heap       signal.Heap
	trace      signal.Trace
	cpu        signal.CPUProfile
	exec       signal.Exec
	goroutines signal.Goroutines
	runtime    runtimeInfo

	ofHeap, ofTrace, ofCPU, ofExec, ofGoroutines, ofFamilies part

	work                    gcWork
	memory                  memoryUsed
	profileAt, profileStart uint64 // unix nanoseconds, of the profile alone
	stops                   gcStops
	sites                   table[signal.Site]
	families                table[signal.Family]
	standing                table[signal.GoroutineSite]
	overlong                int  // sites with a name that is too long
	blind                   bool // the profile cannot tell maps from other memory
	goroutineAt             bool // the goroutine profile has its time
	guessed                 bool // from profiles that the process itself did not say
}

// part is one part of an observation while it is being read.
type part struct {
	there  bool          // there is a metric of it
	broken signal.Reason // why it cannot be read
}

// reader takes what one metric says.
type reader func(*decoder, pmetric.Metric)

// readers of all metrics that are read, by name: receiver/metadata.yaml is their dictionary.
var readers = func() map[string]reader {
	all := map[string]reader{}
	for _, of := range []map[string]reader{heapReaders, siteReaders, familyReaders, traceReaders, cpuReaders, execReaders, goroutineReaders} {
		maps.Copy(all, of)
	}
	return all
}()

// decode returns what the resource says of a Go process; a part that is not there or cannot be read is nil.
func decode(rm pmetric.ResourceMetrics, r *signal.Report) signal.Observation {
	var d decoder
	for _, scope := range rm.ScopeMetrics().All() {
		switch scope.Scope().Name() {
		case receiverScope:
		case connectorScope:
			d.guessed = true
		default:
			continue
		}
		for _, metric := range scope.Metrics().All() {
			if read, ok := readers[metric.Name()]; ok {
				read(&d, metric)
			}
		}
	}
	return d.observation(rm, r)
}

// observation is what was decoded, and notes what could not be.
func (d *decoder) observation(rm pmetric.ResourceMetrics, r *signal.Report) (o signal.Observation) {
	if d.ofHeap.readable(signal.OfHeap, r) {
		o.Heap = d.finishHeap(r)
	}
	if d.ofTrace.readable(signal.OfTrace, r) {
		o.Trace = d.finishTrace()
	}
	if d.ofCPU.readable(signal.OfCPU, r) {
		o.CPU = &d.cpu
	}
	if d.ofExec.readable(signal.OfExec, r) {
		o.Exec = d.finishExec()
	}
	if d.ofGoroutines.readable(signal.OfGoroutines, r) {
		o.Goroutines = d.finishGoroutines()
	}
	if d.overlong > 0 {
		r.Notes = append(r.Notes, signal.Note{Event: signal.Refused, Subject: signal.OfSite, Reason: tooLong, N: d.overlong})
	}
	o.Runtime = d.runtime.of(rm.Resource())
	confidence, said := rm.Resource().Attributes().Get("heapgate.confidence")
	o.LowConfidence = d.guessed || said && confidence.Str() == "low"
	return o
}

// readable tells whether the part is there, and notes why it cannot be read if it is.
func (p *part) readable(subject signal.Subject, r *signal.Report) bool {
	if p.broken != "" {
		r.Refuse(subject, p.broken)
		return false
	}
	return p.there
}

// empty tells whether nothing was said of the process: a name of its runtime alone is no observation.
func empty(o *signal.Observation) bool {
	return o.Heap == nil && o.Trace == nil && o.CPU == nil && o.Exec == nil && o.Goroutines == nil
}

// number reads the metric's last data point, if it has one.
func (p *part) number(m pmetric.Metric, into *signal.Number) (last pmetric.NumberDataPoint, found bool) {
	for _, point := range p.points(m).All() {
		if n := value(point); n.Known {
			*into, last, found = n, point, true
		}
	}
	return last, found
}

// points of a gauge or a cumulative sum; none of anything else, which makes the part broken.
func (p *part) points(m pmetric.Metric) pmetric.NumberDataPointSlice {
	p.there = true
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return m.Gauge().DataPoints()
	case pmetric.MetricTypeSum:
		if m.Sum().AggregationTemporality() != pmetric.AggregationTemporalityDelta {
			return m.Sum().DataPoints()
		}
		p.broken = deltaSum
	default:
		p.broken = wrongType
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

// text is a string attribute, "" where it is not there.
func text(p pmetric.NumberDataPoint, key string) string {
	v, ok := p.Attributes().Get(key)
	if !ok {
		return ""
	}
	return v.Str()
}

// plus is known only where both are: with one missing, the sum would be too small.
func plus(a, b signal.Number) signal.Number {
	if !a.Known || !b.Known {
		return signal.Number{}
	}
	return signal.Of(a.Value + b.Value)
}
