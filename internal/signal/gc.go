// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

// Warnings of numbers that stand on too little.
const (
	fewSamples  = "few_samples"  // fewer than it needs
	lostRecords = "lost_records" // some were lost on the way
	disagree    = "disagree"     // another source says something else
	lagging     = "lagging"      // what was read is older than the window
)

// gcState is what is remembered of what the garbage collector is doing, from both halves.
type gcState struct {
	heapEpoch  int
	ring       ringPauses
	gogc       effective // as MemStats said last
	tracedGOGC effective // as gctrace said last
	limited    limited   // as declared
	limit      Number    // GOMEMLIMIT as inferred last, bytes
	profiled   cpuShare
	execAt     uint64 // of the last execution trace
	state      stateMachine
	advised    advised
}

func (s *gcState) observe(o *Observation, t *Target, set Settings, r *Report) {
	if t.heap.epoch != s.heapEpoch {
		*s = gcState{heapEpoch: t.heap.epoch, profiled: s.profiled, execAt: s.execAt} // profiles stand on their own
	}
	if o.Heap != nil && t.heap.accepted {
		s.ofHeap(o, t, set, r)
	}
	if o.Trace != nil && t.trace.accepted {
		s.ofTrace(o.Trace, t, set, r)
	}
	if o.CPU != nil {
		s.ofCPU(o.CPU, t, set, r)
	}
	if o.Exec != nil {
		s.ofExec(o.Exec, t, set, r)
	}
	v := s.view(o, t, set)
	switch {
	case v.known:
		s.state.observe(&v, r)
		s.advised.observe(o, t, s, &v, r)
	case o.Heap != nil && t.heap.accepted:
		s.state.hold(o.Heap.At, set, r)
	}
}

// ofHeap adds what MemStats and the heap profile say of the collector.
func (s *gcState) ofHeap(o *Observation, t *Target, set Settings, r *Report) {
	h, half := o.Heap, &t.heap
	s.ring, s.gogc, s.limit, s.limited = ringPauses{}, effective{}, Number{}, limited{}
	if h.ObservedUntil.Known && h.Profile {
		addLag(Profile, h.At, h.ObservedUntil.Value, set, r)
	}
	addNextCycle(h, half, r)
	last := half.snapshots.last()
	if last != nil && h.Cycles.Value == last.cycles && seconds(h.At)-last.at > set.Window.Seconds() {
		r.add(Signal{Name: CycleRate, At: h.At}) // NumGC says so: none ended in the window up to now
	}
	first, last := half.window(h.At, set)
	if first == nil {
		return
	}
	cycles := last.cycles - first.cycles
	r.add(Signal{Name: CycleRate, At: h.At, Value: cycles / (last.until - first.until)})
	if first.forced.Known && last.forced.Known && cycles > 0 {
		r.addShare(Signal{Name: ForcedShare, At: h.At, Value: (last.forced.Value - first.forced.Value) / cycles})
	}
	s.ring.add(first, last, h.At, r)
	addPerByte(MemStats, half.now.share, t.procs(h.At, set), half, first.at, last.at, h.At, r)
	s.gogc = addGOGC(half.snapshots.points, h.At, r)
	if s.limit = inferLimit(half.snapshots.points, o.Runtime); s.limit.Known {
		r.add(Signal{Name: MemoryLimitInferred, At: h.At, Value: s.limit.Value})
	}
	s.limited = declaredLimit(half.snapshots.points, h.Limit, o.Runtime)
}

// addLag adds the age of what a source knows, until in unix seconds of the host of the process.
func addLag(source Source, at uint64, until float64, set Settings, r *Report) {
	lag := seconds(at) - until
	if lag < 0 {
		return // the clocks of the two hosts differ by more than that
	}
	r.add(Signal{Name: Lag, Source: source, At: at, Value: lag})
	if window := set.Window.Seconds(); lag > window {
		r.warn(Lag, lagging, at, window, lag)
	}
}

// procs is GOMAXPROCS, which only gctrace says.
func (t *Target) procs(at uint64, set Settings) Number {
	return Number{t.trace.last.procs, fresh(t.trace.at, at, set)}
}
