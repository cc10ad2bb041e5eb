// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"math"

	"github.com/heapgate/heapgate/internal/baseline"
	"github.com/heapgate/heapgate/internal/signal"
)

// baselineKind is a signal of one source that is learned.
type baselineKind struct {
	name   signal.Name
	source signal.Source
	signed bool
	floor  float64 // in the unit of the signal: what differs by less is nobody's concern
	memory bool    // a leak or an unbounded map shows in it
}

// baselineKinds are few, and each costs: more of any of them is worse. Of a signal with two sources the first that was heard is
// judged, and both are learned: two sources are never mixed.
var baselineKinds = []baselineKind{
	{name: signal.GCCPUShare, source: signal.Gctrace, floor: 0.005},
	{name: signal.GCCPUShare, source: signal.MemStats, floor: 0.005},
	{name: signal.GCCPUPerByte, source: signal.Gctrace, floor: 2e-11},
	{name: signal.GCCPUPerByte, source: signal.MemStats, floor: 2e-11},
	{name: signal.PauseP99, floor: 200e-6},
	{name: signal.HeapLive, source: signal.Gctrace, floor: 1 << 20, memory: true},
	{name: signal.HeapLive, source: signal.Profile, floor: 1 << 20, memory: true},
	{name: signal.AllocationRate, floor: 256 << 10},
	{name: signal.Turnover, floor: 0.01},
	{name: signal.Slope, signed: true, floor: 1 << 10, memory: true},
	{name: signal.GoroutineSlope, signed: true, floor: 0.01},
	{name: signal.MarkPerByte, floor: 2e-10},
	{name: signal.MarkShare, floor: 0.01},
	{name: signal.SweepShare, floor: 0.05},
}

// kindsOf are the kinds of a signal, as indexes.
var kindsOf = func() (of [signal.Names][]int) {
	for i, k := range baselineKinds {
		of[k.name] = append(of[k.name], i)
	}
	return of
}()

// learnable are the kinds as the package baseline has them.
func learnable() []baseline.Kind {
	var kinds []baseline.Kind
	for _, k := range baselineKinds {
		name := k.name.String()
		if k.source != "" {
			name += "/" + string(k.source)
		}
		kinds = append(kinds, baseline.Kind{Name: name, Signed: k.signed, Floor: k.floor})
	}
	return kinds
}

// heardKinds are the numbers of one report that have a baseline.
type heardKinds struct {
	value [16]float64 // by kind
	at    [16]uint64  // unix nanoseconds; 0: not heard
	// memoryFlagged and flagged say that a verdict holds by which some numbers or all of them are not usual, whatever they are.
	memoryFlagged, flagged bool
}

func heard(signals []signal.Signal) (h heardKinds) {
	for i := range signals {
		s := &signals[i]
		switch s.Name {
		case signal.MapVerdict:
			h.memoryFlagged = h.memoryFlagged || s.Label == "unbounded"
		case signal.Leak:
			h.memoryFlagged = h.memoryFlagged || s.Label == "leak"
		case signal.GCState:
			h.flagged = h.flagged || s.Value == 1 && (s.Label == "limit_thrash" || s.Label == "death_spiral")
		default:
			for _, k := range kindsOf[s.Name] {
				if baselineKinds[k].source == s.Source && s.Site == nil && s.At != 0 {
					h.value[k], h.at[k] = s.Value, s.At
				}
			}
		}
	}
	return h
}

// teaches is false of a number that a verdict speaks against: a fault that lasts would become what is usual.
func (h *heardKinds) teaches(kind int) bool {
	return !h.flagged && !(h.memoryFlagged && baselineKinds[kind].memory)
}

// ageOf is the age of the process in seconds, NaN if nothing says it.
func ageOf(o *signal.Observation) float64 {
	if h := o.Heap; h != nil && h.ProcessStart.Known && h.At != 0 {
		return float64(h.At)/1e9 - h.ProcessStart.Value
	}
	if t := o.Trace; t != nil && t.Elapsed.Known {
		return t.Elapsed.Value
	}
	return math.NaN()
}
