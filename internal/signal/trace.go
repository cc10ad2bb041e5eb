// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

// traceState is what is remembered of the gctrace half of a process.
type traceState struct {
	epoch     int // rises with each restart
	heard     bool
	at, start uint64 // of the last observation
	accepted  bool   // the last observation was used
	now       derived
	last      tracePoint
	points    history[tracePoint]
}

// tracePoint is an observation in which a new cycle had been heard, on the time base of the process' age at the cycle's end.
type tracePoint struct {
	elapsed, at float64
	cycles, cpu float64
	capacity    float64 // CPU seconds the process could have used since it was first heard: GOMAXPROCS may change
	overGoal    Number
	summed      Number
	traced
}

func (p tracePoint) when() float64               { return p.elapsed }
func (p tracePoint) after(tracePoint) tracePoint { return p }

func (s *traceState) observe(t *Trace, set Settings, r *Report) {
	s.accepted = false
	if why := t.refusal(); why != "" {
		r.note(Refused, OfTrace, why, 1)
		return
	}
	if s.heard {
		refuse, clockSet := late(t.At, s.at, set.Window)
		if refuse {
			r.note(Refused, OfTrace, OutOfOrder, 1)
			return
		}
		why := s.restarted(t)
		if clockSet {
			why = ClockSet
		}
		if why != "" {
			r.note(Restarted, OfTrace, why, 1)
			*s = traceState{epoch: s.epoch + 1}
		}
	}
	s.accepted, s.now = true, derived{}
	s.remember(t, set)
	s.derive(t, set, r)
}

func (s *traceState) restarted(t *Trace) Reason {
	switch {
	case t.Start != s.start:
		return NewStart
	case t.Cycles.Value < s.last.cycles, t.Elapsed.Value < s.last.elapsed, t.CPU.Value < s.last.cpu,
		t.OverGoal.Known && t.OverGoal.Value < s.last.overGoal.Value:
		return WentBack
	}
	return ""
}

func (s *traceState) remember(t *Trace, set Settings) {
	p := tracePoint{
		elapsed: t.Elapsed.Value, at: seconds(t.At), cycles: t.Cycles.Value, cpu: t.CPU.Value,
		capacity: s.last.capacity, overGoal: t.OverGoal, summed: t.Summed, traced: t.traced(),
	}
	if s.heard {
		p.capacity += (p.elapsed - s.last.elapsed) * t.Procs.Value
	}
	advanced := !s.heard || p.elapsed > s.last.elapsed
	s.heard, s.at, s.start, s.last = true, t.At, t.Start, p
	if advanced {
		s.points.push(p, set.Window.Seconds(), set.MaxSnapshots)
	}
}

// derive adds the signals of the gctrace half. Points are at the ends of cycles, so that the CPU times of the cycles after the
// window's first, up to and with its last, stand over the time in which they ran.
func (s *traceState) derive(t *Trace, set Settings, r *Report) {
	if t.Live.Known {
		r.add(Signal{Name: HeapLive, Source: Gctrace, At: t.At, Value: t.Live.Value})
	}
	first, last := s.points.first(), s.points.last()
	if len(s.points.points) < 2 || seconds(t.At)-last.at > set.Window.Seconds() {
		return
	}
	warnLost(first, last, t.At, r)
	if !complete(first, last) {
		r.note(Refused, OfSignal, Incomplete, 1)
		return
	}
	if capacity := last.capacity - first.capacity; capacity > 0 {
		s.now.share = r.addShare(Signal{Name: GCCPUShare, Source: Gctrace, At: t.At, Value: (last.cpu - first.cpu) / capacity})
	}
	if cycles := last.cycles - first.cycles; cycles > 0 && first.overGoal.Known && last.overGoal.Known {
		s.now.pressure = r.addShare(Signal{Name: LimitPressure, Source: Gctrace, At: t.At, Value: (last.overGoal.Value - first.overGoal.Value) / cycles})
	}
}

// mostSummed is the least share of a window's cycles that must have been read: a lost record makes the work look smaller.
const mostSummed = 0.95

func complete(first, last *tracePoint) bool {
	if !first.summed.Known || !last.summed.Known {
		return true // a receiver that does not say so lost none
	}
	return last.summed.Value-first.summed.Value >= mostSummed*(last.cycles-first.cycles)
}
