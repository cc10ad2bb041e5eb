// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import "slices"

// settleCycles after a target was discovered are not judged for growth: a profile shows what was allocated up to the end of
// GC n-1, so that what is new in the first two was allocated before anybody looked.
const settleCycles = 2

// heapState is what is remembered of the heap half of a process.
type heapState struct {
	epoch             int  // rises with each restart
	chosen            bool // the first observation is a chosen beginning, see Watching
	heard             bool
	at, start         uint64  // of the last observation
	cycles, allocated float64 // of the last observation
	firstCycles       float64 // NumGC when the process was first heard
	processStart      Number  // newest known: the same for both ends of a window, whatever it was estimated from
	bounds            []float64
	reads             history[read]
	snapshots         history[snapshot]
	sites             siteTable
	profiled          bool // an observation of the process had a profile
	accepted          bool // the last observation was used
	now               derived
	between           Number // longest pause of the cycles since the last snapshot, of observations without a profile
}

// read is the exact part of an observation, on the scraper's clock.
type read struct {
	at, allocated float64
	objects       Number
}

func (p read) when() float64   { return p.at }
func (p read) after(read) read { return p }

// snapshot is an observation in which NumGC had advanced, on the time base of heapgate.observed_until.
type snapshot struct {
	until, at        float64
	cycles           float64
	lastGC, fraction Number
	pauses           []float64   // cumulative counts; nil if not heard
	pauseMax         Number      // of the cycles since the snapshot before
	overGoal         Number      // 1 if the heap had reached its goal when it was read, else 0
	sites            []sitePoint // by slot of the site table
	collected
}

func (p snapshot) when() float64 { return p.until }

func (p snapshot) after(dropped snapshot) snapshot {
	p.pauseMax = Number{max(p.pauseMax.Value, dropped.pauseMax.Value), p.pauseMax.Known && dropped.pauseMax.Known}
	return p
}

func (s *heapState) observe(h *Heap, set Settings, r *Report) {
	s.accepted = false
	if why := h.refusal(); why != "" {
		r.note(Refused, OfHeap, why, 1)
		return
	}
	if s.heard {
		refuse, clockSet := late(h.At, s.at, set.Window)
		if refuse {
			r.note(Refused, OfHeap, OutOfOrder, 1)
			return
		}
		why := s.restarted(h)
		if clockSet {
			why = ClockSet
		}
		if why != "" {
			r.note(Restarted, OfHeap, why, 1)
			*s = heapState{epoch: s.epoch + 1}
		}
	}
	s.accepted, s.now = true, derived{}
	s.remember(h, set, r)
	s.derive(h, set, r)
}

// restarted tells why h is of another process than the last observation, "" if it is not.
func (s *heapState) restarted(h *Heap) Reason {
	switch {
	case h.Start != s.start:
		return NewStart
	case h.Cycles.Value < s.cycles, h.Allocated.Value < s.allocated:
		return WentBack
	}
	last := s.snapshots.last()
	if last == nil || !slices.Equal(h.Pauses.Bounds, s.bounds) {
		return ""
	}
	for i, count := range last.pauses {
		if h.Pauses.Counts != nil && h.Pauses.Counts[i] < count {
			return WentBack
		}
	}
	return ""
}

func (s *heapState) remember(h *Heap, set Settings, r *Report) {
	if !s.heard {
		s.heard, s.firstCycles = true, h.Cycles.Value
	}
	s.at, s.start, s.cycles, s.allocated = h.At, h.Start, h.Cycles.Value, h.Allocated.Value
	if h.ProcessStart.Known {
		s.processStart = h.ProcessStart
	}
	s.reads.push(read{seconds(h.At), h.Allocated.Value, h.Objects}, set.Window.Seconds(), set.MaxSnapshots)

	s.sites.sampled(h.Rate)
	last := s.snapshots.last()
	if !h.ObservedUntil.Known || last != nil && h.Cycles.Value <= last.cycles {
		return
	}
	if why := s.broken(h, last); why != "" {
		r.note(Restarted, OfHeap, why, 1)
		s.snapshots = history[snapshot]{}
	}
	if s.profiled = s.profiled || h.Profile; s.profiled && !h.Profile {
		s.between = longer(s.between, h.PauseMax) // a snapshot of it would take the cycle from the next profile
		return
	}
	if h.Pauses.Counts != nil && !slices.Equal(s.bounds, h.Pauses.Bounds) {
		s.bounds = slices.Clone(h.Pauses.Bounds)
	}
	s.snapshots.push(snapshot{
		until: h.ObservedUntil.Value, at: seconds(h.At), cycles: h.Cycles.Value,
		lastGC: h.LastGC, fraction: h.CPUFraction,
		pauses: slices.Clone(h.Pauses.Counts), pauseMax: longer(s.between, h.PauseMax), overGoal: h.overGoal(),
		sites:     s.sites.record(h.Sites, s.settled(h.Cycles.Value), set.MaxSites, s.snapshots.points, r),
		collected: h.collected(),
	}, set.Window.Seconds(), set.MaxSnapshots)
	s.between = Number{}
}

// longer is the larger of what is known.
func longer(a, b Number) Number {
	if !a.Known || b.Known && b.Value > a.Value {
		return b
	}
	return a
}

// broken tells why h cannot be compared with the snapshots held although it is of the same process.
func (s *heapState) broken(h *Heap, last *snapshot) Reason {
	switch {
	case last == nil:
		return ""
	case h.ObservedUntil.Value <= last.until:
		return ClockSet // of the process' host
	case h.Pauses.Counts != nil && s.bounds != nil && !slices.Equal(s.bounds, h.Pauses.Bounds):
		return NewBounds
	}
	return ""
}

func (s *heapState) settled(cycles float64) bool {
	return s.chosen || cycles >= s.firstCycles+settleCycles
}

// derive adds the signals of the heap half.
func (s *heapState) derive(h *Heap, set Settings, r *Report) {
	add := func(n Name, v float64) { r.add(Signal{Name: n, At: h.At, Value: v}) }
	if h.Inuse.Known {
		r.add(Signal{Name: HeapLive, Source: Profile, At: h.At, Value: h.Inuse.Value})
	}
	if first, last := s.reads.first(), s.reads.last(); last.at > first.at {
		add(AllocationRate, (last.allocated-first.allocated)/(last.at-first.at))
	}
	if h.Profile {
		add(Sites, float64(min(growing(h.Sites), set.MaxSites)))
	}
	last := s.snapshots.last()
	if last != nil && seconds(h.At)-last.at > set.Window.Seconds() {
		if h.Cycles.Value == last.cycles {
			add(Cycles, 0) // NumGC says so: none ended in the window up to now
		}
		add(Windows, 0)
		return
	}
	judged := s.judged()
	add(Windows, float64(max(0, len(judged)-1)))
	if len(s.snapshots.points) < 2 {
		return
	}
	first := s.snapshots.first()
	add(Cycles, last.cycles-first.cycles)
	add(Window, last.until-first.until)
	s.addCPUShare(first, last, h.At, r)
	s.addLimitPressure(h.At, r)
	addPauses(s.snapshots.points, s.bounds, h.At, r)
	s.sites.addGrowth(judged, h.At, r)
}

// judged are the snapshots that a claim about growth can stand on.
func (s *heapState) judged() []snapshot {
	for i := range s.snapshots.points {
		if s.settled(s.snapshots.points[i].cycles) {
			return s.snapshots.points[i:]
		}
	}
	return nil
}

// addCPUShare undoes the mean that GCCPUFraction is: at age T the GC had used f*T of the CPU time the process could have.
func (s *heapState) addCPUShare(first, last *snapshot, at uint64, r *Report) {
	if !s.processStart.Known || !first.lastGC.Known || !last.lastGC.Known || !first.fraction.Known || !last.fraction.Known {
		return
	}
	age1, age2 := first.lastGC.Value-s.processStart.Value, last.lastGC.Value-s.processStart.Value
	if age1 < 0 || age2 <= age1 {
		r.note(Refused, OfSignal, OutOfRange, 1)
		return
	}
	share := (last.fraction.Value*age2 - first.fraction.Value*age1) / (age2 - age1)
	s.now.share = r.addShare(Signal{Name: GCCPUShare, Source: MemStats, At: at, Value: share})
}

// overGoal is 1 where the heap stood at or above the size at which the next cycle begins. A read seldom meets that, unless a
// memory limit holds the goal down at the live heap and cycles follow each other without a pause.
func (h *Heap) overGoal() Number {
	if !h.Alloc.Known || !h.Goal.Known {
		return Number{}
	}
	if h.Alloc.Value >= h.Goal.Value {
		return Of(1)
	}
	return Of(0)
}

// fewestReads of the heap at its goal say something: one can fall into a marking phase.
const fewestReads = 3

// addLimitPressure adds the share of the window's snapshots that found the heap at its goal.
func (s *heapState) addLimitPressure(at uint64, r *Report) {
	over, known := 0.0, 0.0
	for i := range s.snapshots.points {
		if n := s.snapshots.points[i].overGoal; n.Known {
			over += n.Value
			known++
		}
	}
	if known >= fewestReads {
		s.now.pressure = r.addShare(Signal{Name: LimitPressure, Source: MemStats, At: at, Value: over / known})
	}
}
