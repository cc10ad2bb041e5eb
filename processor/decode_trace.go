// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/heapgate/heapgate/internal/signal"
)

// traceReaders read gctrace.
var traceReaders = map[string]reader{
	"heapgate.gctrace.cycles": func(d *decoder, m pmetric.Metric) {
		if p, ok := d.ofTrace.number(m, &d.trace.Cycles); ok {
			d.trace.At, d.trace.Start = uint64(p.Timestamp()), uint64(p.StartTimestamp())
		}
	},
	"go.processor.limit":         traceNumber(func(t *signal.Trace) *signal.Number { return &t.Procs }),
	"heapgate.gc.elapsed":        traceNumber(func(t *signal.Trace) *signal.Number { return &t.Elapsed }),
	"heapgate.gc.over_goal":      traceNumber(func(t *signal.Trace) *signal.Number { return &t.OverGoal }),
	"heapgate.gctrace.heap.goal": traceNumber(func(t *signal.Trace) *signal.Number { return &t.Goal }),
	"heapgate.gctrace.heap.live": traceNumber(func(t *signal.Trace) *signal.Number { return &t.Live }),
	"heapgate.gctrace.summed":    traceNumber(func(t *signal.Trace) *signal.Number { return &t.Summed }),
	"heapgate.gc.clock.time":     (*decoder).gcClock,
	"heapgate.gc.cpu.time":       (*decoder).gcCPU,
}

func traceNumber(field func(*signal.Trace) *signal.Number) reader {
	return func(d *decoder, m pmetric.Metric) { d.ofTrace.number(m, field(&d.trace)) }
}

// gcWork is the CPU time of the GC by kind.
type gcWork struct{ sweepTerm, assist, background, idle, markTerm signal.Number }

func (d *decoder) gcCPU(m pmetric.Metric) {
	for _, p := range d.ofTrace.points(m).All() {
		n := value(p)
		if !n.Known {
			continue
		}
		switch text(p, "heapgate.gc.work") {
		case "sweep_term":
			d.work.sweepTerm = n
		case "assist":
			d.work.assist = n
		case "background":
			d.work.background = n
		case "idle":
			d.work.idle = n
		case "mark_term":
			d.work.markTerm = n
		}
	}
}

func (d *decoder) gcClock(m pmetric.Metric) {
	for _, p := range d.ofTrace.points(m).All() {
		n := value(p)
		if !n.Known {
			continue
		}
		switch text(p, "heapgate.gc.phase") {
		case "sweep_term":
			d.trace.ClockSweepTerm = n
		case "mark":
			d.trace.ClockMark = n
		case "mark_term":
			d.trace.ClockMarkTerm = n
		}
	}
}

// finishTrace sums the CPU time of the GC without idle marking, which takes only what nobody else wanted.
func (d *decoder) finishTrace() *signal.Trace {
	t, w := &d.trace, &d.work
	t.STWCPU, t.Assist, t.Background, t.IdleCPU = plus(w.sweepTerm, w.markTerm), w.assist, w.background, w.idle
	t.CPU = plus(t.STWCPU, plus(t.Assist, t.Background))
	return t
}
