// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"
)

// wholeLife is a life in which every number of both halves is known, with a CPU profile and an execution trace now and then.
func wholeLife(rng *rand.Rand, reads, sites int) []Observation {
	observations := life(rng, reads, sites)
	stw, assist, background, idle, clock := 0.0, 0.0, 0.0, 0.0, 0.0
	for i := range observations {
		o := &observations[i]
		h, tr := o.Heap, o.Trace
		alloc := h.Inuse.Value * (1 + rng.Float64())
		h.Objects, h.Forced = Of(h.Allocated.Value/128), Of(math.Floor(h.Cycles.Value/4))
		h.Alloc, h.Goal = Of(alloc), Of(2*h.Inuse.Value)
		h.InuseSpans, h.Stack, h.Released = Of(alloc*1.1), Of(mebi), Of(50*mebi)
		h.Idle = Of(80 * mebi)
		h.Used = Of(h.InuseSpans.Value + h.Stack.Value + 30*mebi + 20*mebi)
		h.RSSMax, h.Limit, h.ContainerLimit = Of(2048*mebi), Of(1536*mebi), Of(2048*mebi)
		h.PauseSum = Of(h.Pauses.Counts[0]*0.0005 + h.Pauses.Counts[1]*0.005 + h.Pauses.Counts[2]*0.05)
		stw, assist, background, idle, clock = stw+rng.Float64()/9, assist+rng.Float64()/9, background+rng.Float64()/9, idle+rng.Float64()/9, clock+rng.Float64()/9
		tr.STWCPU, tr.Assist, tr.Background, tr.IdleCPU, tr.CPU = Of(stw), Of(assist), Of(background), Of(idle), Of(stw+assist+background)
		tr.ClockSweepTerm, tr.ClockMark, tr.ClockMarkTerm = Of(clock/10), Of(clock), Of(clock/20)
		tr.Live, tr.Goal, tr.Summed = h.Inuse, h.Goal, tr.Cycles
		o.Runtime, o.Peers = "go1.26.1", AgeSlope{Of(1000), 20}
		switch i % 7 {
		case 3:
			o.CPU = &CPUProfile{At: h.At, Samples: Of(900), Usage: Of(1.5), MarkShare: Of(0.1), TotalShare: Of(0.12), SweepShare: Of(0.01)}
		case 5:
			o.Exec = &Exec{At: h.At, Window: Of(1), Cycles: Of(20), STW: Of(0.01), STWMax: Of(0.002), GCTime: Of(0.3), Goal: h.Goal, Blocked: Of(0.1)}
		}
	}
	return observations
}

// collectorNumbers of an observation that a fuzzer may break.
func (o *Observation) collectorNumbers() []*Number {
	h, t := o.Heap, o.Trace
	all := []*Number{
		&h.Cycles, &h.Allocated, &h.ObservedUntil, &h.LastGC, &h.ProcessStart, &h.CPUFraction, &h.PauseMax, &h.Inuse, &h.Alloc, &h.Goal, &h.Objects, &h.Forced,
		&h.Used, &h.Stack, &h.Idle, &h.Released, &h.InuseSpans, &h.RSSMax, &h.Limit, &h.ContainerLimit, &h.PauseSum, &t.Cycles, &t.Elapsed, &t.CPU, &t.Procs,
		&t.OverGoal, &t.Live, &t.Summed, &t.Goal, &t.STWCPU, &t.Assist, &t.Background, &t.IdleCPU, &t.ClockSweepTerm, &t.ClockMark, &t.ClockMarkTerm, &o.Peers.Upper,
	}
	if c := o.CPU; c != nil {
		all = append(all, &c.Samples, &c.Usage, &c.MarkShare, &c.TotalShare, &c.SweepShare)
	}
	if e := o.Exec; e != nil {
		all = append(all, &e.Window, &e.Cycles, &e.STW, &e.STWMax, &e.GCTime, &e.Goal, &e.Blocked)
	}
	return all
}

// FuzzCollector: whatever comes in, what is said of the collector and of the live heap is finite, not negative but for slopes, in
// 0..1 where it is a share, one state holds, and an interval contains its slope.
func FuzzCollector(f *testing.F) {
	f.Add(uint64(1), uint8(0), []byte{})
	f.Add(uint64(2), uint8(150), []byte("\x03\x05\x7f\xf8\x00\x00\x00\x00\x00\x00\x10\x09\xff\xf0\x00\x00\x00\x00\x00\x00"))
	f.Add(uint64(3), uint8(255), []byte("\x05\x10\x7f\xef\xff\xff\xff\xff\xff\xff\x20\x24\x80\x00\x00\x00\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, seed uint64, interval uint8, broken []byte) {
		const reads = 60
		observations := wholeLife(rand.New(rand.NewPCG(seed, 8)), reads, 1)
		for i := range observations { // up to an hour apart, so that hours are seen
			o := &observations[i]
			ahead := float64(i) * float64(interval) * 15
			o.Heap.At += uint64(ahead * 1e9)
			o.Trace.At = o.Heap.At
			o.Heap.ObservedUntil.Value, o.Heap.LastGC.Value, o.Trace.Elapsed.Value = o.Heap.ObservedUntil.Value+ahead, o.Heap.LastGC.Value+ahead, o.Trace.Elapsed.Value+ahead
			o.Heap.Profile = seed%5 != 0
			if seed%5 == 0 {
				o.Heap.Inuse = Number{}
			}
		}
		for ; len(broken) >= 10; broken = broken[10:] { // ten bytes break one number: of which observation, which, and what it is now
			all := observations[int(broken[0])%reads].collectorNumbers()
			*all[int(broken[1])%len(all)] = Of(math.Float64frombits(binary.BigEndian.Uint64(broken[2:])))
		}
		var target Target
		for _, o := range observations {
			var r Report
			target.Observe(o, Settings{10 * time.Minute, 8, 2}, &r)
			checkCollector(t, &o, &r)
		}
	})
}

func checkCollector(t *testing.T, o *Observation, r *Report) {
	t.Helper()
	states, shapesSeen, verdicts, kinds := map[string]float64{}, map[string]float64{}, 0, 0.0
	slopes := map[Name]float64{}
	for _, s := range r.Signals {
		if !finite(s.Value) {
			t.Fatalf("%v is %v", s.Name, s.Value)
		}
		switch s.Name {
		case Slope, SlopeLower, SlopeUpper:
			slopes[s.Name] = s.Value
			continue
		case Doublings, GoroutineSlope:
			continue
		case GCCPUShare, LimitPressure, AssistShare, ForcedShare, MarkShare, STWShare, SweepShare, WorkShare, Headroom, MemoryShare, Warning:
			if s.Value > 1 {
				t.Fatalf("%v of %v is %v, want at most 1", s.Name, s.Of, s.Value)
			}
		case GCState:
			states[s.Label] += s.Value
		case HeapShape:
			shapesSeen[s.Label] += s.Value
		case Leak:
			verdicts++
		}
		if s.Name == MemoryShare {
			kinds += s.Value
		}
		if s.Value < 0 {
			t.Fatalf("%v is %v", s.Name, s.Value)
		}
	}
	one := func(what string, seen map[string]float64, n int) {
		sum := 0.0
		for _, v := range seen {
			sum += v
		}
		if len(seen) != 0 && (len(seen) != n || sum != 1) {
			t.Fatalf("%s: %v, want one of %d", what, seen, n)
		}
	}
	one("state", states, len(gcStates))
	one("shape", shapesSeen, len(shapes))
	if verdicts > 1 {
		t.Fatalf("%d verdicts on a leak", verdicts)
	}
	if kinds != 0 && math.Abs(kinds-1) > 1e-6 {
		t.Fatalf("the kinds of memory are %v in sum", kinds)
	}
	if _, ok := slopes[Slope]; ok && (slopes[SlopeLower] > slopes[Slope] || slopes[SlopeUpper] < slopes[Slope]) {
		t.Fatalf("slope %v outside of %v to %v", slopes[Slope], slopes[SlopeLower], slopes[SlopeUpper])
	}
	for _, c := range r.Changes {
		if c.Text == "" || c.From == c.To && c.Name != AdviceGOGC || c.At == 0 {
			t.Fatalf("a change that says nothing: %+v", c)
		}
	}
}

// TestCollectorMemory: what is remembered of the collector and of the live heap is small, however long the process lives.
func TestCollectorMemory(t *testing.T) {
	var target Target
	set := Settings{10 * time.Minute, 20, 64}
	for _, o := range wholeLife(rand.New(rand.NewPCG(1, 9)), 3000, 1) {
		target.Observe(o, set, &Report{})
	}
	climb := uintptr(cap(target.climb.history.held))*unsafe.Sizeof(batch{}) + unsafe.Sizeof(target.climb)
	if n := len(target.climb.history.held); n < mostBatches/2 {
		t.Errorf("%d batches, the history is not full", n)
	}
	if climb > 4500 {
		t.Errorf("the history of the live heap takes %d bytes, want at most 4500", climb)
	}
	if n := unsafe.Sizeof(target.gc); n > 512 {
		t.Errorf("the state of the collector takes %d bytes, want at most 512", n)
	}
	points := uintptr(cap(target.heap.snapshots.points))*unsafe.Sizeof(snapshot{}) + uintptr(cap(target.trace.points.points))*unsafe.Sizeof(tracePoint{}) +
		uintptr(cap(target.heap.reads.points))*unsafe.Sizeof(read{})
	if points > 24<<10 {
		t.Errorf("the points of the window take %d bytes, want at most 24 KiB", points)
	}
	t.Logf("climb %d, collector %d, points %d bytes", climb, unsafe.Sizeof(target.gc), points)
}

// BenchmarkObserveAll is one observation in which all parts are: 16 map sites, both halves with every number, full histories.
func BenchmarkObserveAll(b *testing.B) {
	target, r := &Target{}, &Report{}
	observations := wholeLife(rand.New(rand.NewPCG(7, 7)), 1500, 16)
	for _, o := range observations[:len(observations)-1] {
		r.Reset()
		target.Observe(o, settings, r)
	}
	o := observations[len(observations)-1]
	o.CPU = &CPUProfile{At: o.Heap.At, Samples: Of(900), Usage: Of(1.5), MarkShare: Of(0.1), TotalShare: Of(0.12), SweepShare: Of(0.01)}
	o.Exec = &Exec{At: o.Heap.At, Window: Of(1), Cycles: Of(20), STW: Of(0.01), STWMax: Of(0.002), GCTime: Of(0.3)}
	o.Goroutines = &Goroutines{At: o.Heap.At, Start: 1, Total: Of(100)}
	b.ReportAllocs()
	for b.Loop() {
		advance(o)
		o.CPU.At, o.Exec.At, o.Goroutines.At = o.Heap.At, o.Heap.At, o.Heap.At
		r.Reset()
		target.Observe(o, settings, r)
	}
	b.ReportMetric(float64(len(r.Signals)), "signals")
}
