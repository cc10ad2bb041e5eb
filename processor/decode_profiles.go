// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/heapgate/heapgate/internal/signal"
)

// cpuReaders read the CPU profile. They come in batches of their own, minutes apart.
var cpuReaders = map[string]reader{
	"heapgate.cpu.profile.samples": func(d *decoder, m pmetric.Metric) {
		if p, ok := d.ofCPU.number(m, &d.cpu.Samples); ok {
			d.cpu.At = uint64(p.Timestamp())
		}
	},
	"heapgate.cpu.profile.usage":  func(d *decoder, m pmetric.Metric) { d.ofCPU.number(m, &d.cpu.Usage) },
	"heapgate.gc.cpu.mark_share":  func(d *decoder, m pmetric.Metric) { d.ofCPU.number(m, &d.cpu.MarkShare) },
	"heapgate.gc.cpu.total_share": func(d *decoder, m pmetric.Metric) { d.ofCPU.number(m, &d.cpu.TotalShare) },
	"heapgate.cpu.profile.gc_share": func(d *decoder, m pmetric.Metric) {
		for _, p := range d.ofCPU.points(m).All() {
			if text(p, "heapgate.gc.class") == "sweep" {
				d.cpu.SweepShare = value(p)
			}
		}
	},
}

// execReaders read the execution trace.
var execReaders = map[string]reader{
	"heapgate.trace.window": func(d *decoder, m pmetric.Metric) {
		if p, ok := d.ofExec.number(m, &d.exec.Window); ok {
			d.exec.At = uint64(p.Timestamp())
		}
	},
	"heapgate.trace.gc.cycles": func(d *decoder, m pmetric.Metric) { d.ofExec.number(m, &d.exec.Cycles) },
	"heapgate.trace.gc.time":   func(d *decoder, m pmetric.Metric) { d.ofExec.number(m, &d.exec.GCTime) },
	"heapgate.trace.heap.goal": func(d *decoder, m pmetric.Metric) { d.ofExec.number(m, &d.exec.Goal) },
	"heapgate.trace.gc.blocked": func(d *decoder, m pmetric.Metric) {
		for _, p := range d.ofExec.points(m).All() {
			d.exec.Blocked = sum(d.exec.Blocked, value(p))
		}
	},
	"heapgate.trace.stw.time": func(d *decoder, m pmetric.Metric) {
		for _, p := range d.ofExec.points(m).All() {
			if ofGC(p) {
				d.stops.time = sum(d.stops.time, value(p))
			}
		}
	},
	"heapgate.trace.stw.max": func(d *decoder, m pmetric.Metric) {
		for _, p := range d.ofExec.points(m).All() {
			if n := value(p); n.Known && ofGC(p) {
				d.stops.longest = signal.Of(max(d.stops.longest.Value, n.Value))
			}
		}
	},
}

// gcStops are the stops of the world for the GC in an execution trace.
type gcStops struct{ time, longest signal.Number }

// ofGC tells whether the world was stopped for the GC. A profiler stops it too.
func ofGC(p pmetric.NumberDataPoint) bool {
	switch text(p, "heapgate.stw.reason") {
	case "GC sweep termination", "GC mark termination":
		return true
	}
	return false
}

// finishExec makes a trace in which no cycle ended one without stops. With a cycle but no stop the trace cut these off.
func (d *decoder) finishExec() *signal.Exec {
	e := &d.exec
	e.STW, e.STWMax = d.stops.time, d.stops.longest
	if e.Cycles == signal.Of(0) && !e.STW.Known && !e.STWMax.Known {
		e.STW, e.STWMax = signal.Of(0), signal.Of(0)
	}
	return e
}

// sum adds what is known: a state or a reason that did not occur has no point.
func sum(a, b signal.Number) signal.Number {
	return signal.Number{Value: a.Value + b.Value, Known: a.Known || b.Known}
}
