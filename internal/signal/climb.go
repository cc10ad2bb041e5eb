// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import "math"

const (
	// warmUp in seconds of a process's life is not judged: caches fill and pools grow.
	warmUp = 30 * 60
	// claimAfter in seconds of the window after the warm-up a leak may be claimed.
	claimAfter = 2 * 3600
	// aloneAfter is the same where nothing is known of how the workload usually climbs.
	aloneAfter = 4 * 3600
	// leakWithin in seconds the limit would be reached, or it is no leak that anybody needs to know of now.
	leakWithin = 24 * 3600
	// fewestBatches that a slope stands on.
	fewestBatches = 6
	// endOfTime in unix seconds, the year 5138, is above any clock; what is beyond it has no place in a batch.
	endOfTime = 1e11
	// leastCoverage of the window's batches must have been heard.
	leastCoverage = 0.8
)

// climbState is what is remembered of the live heap over hours, to tell a leak from warming up and from noise (method L9):
//
//  1. The live heap after each GC cycle that was heard goes into batches; those of the first 30 minutes of the process are
//     forgotten (climb_batches.go).
//  2. A line through means of batches that are longer than the heap's memory of itself gives a slope with an interval that
//     noise of any colour keeps (climb_fit.go).
//  3. A leak rises for certain, reaches a limit within 24 hours, goes on in the second half of the window, and is steeper than
//     what is usual for the workload at this age (climb_leak.go).
type climbState struct {
	heapEpoch, traceEpoch int
	source                Source  // of the live heap, "" before the first
	cycles                float64 // of the last live heap taken
	at, until             float64 // seconds: of its read, and of the GC that it is of
	origin                float64 // seconds: of gctrace's time base
	born                  float64 // since when the process is known to live, seconds
	warm                  bool    // the warm-up is over
	history               batches
	fit                   fit
	shape                 string
	leak                  leakVerdict
	heapLimit             Number // GOMEMLIMIT, bytes
	containerLimit        Number
}

func (s *climbState) observe(o *Observation, t *Target, set Settings, r *Report) {
	if t.heap.epoch != s.heapEpoch || s.source == Gctrace && t.trace.epoch != s.traceEpoch {
		*s = climbState{heapEpoch: t.heap.epoch}
	}
	s.traceEpoch = t.trace.epoch
	heard := uint64(0)
	if h := o.Heap; h != nil && t.heap.accepted {
		s.heapLimit, s.containerLimit = h.Limit, h.ContainerLimit
		if !h.Limit.Known {
			s.heapLimit = t.gc.limit
		}
		if h.Inuse.Known {
			s.ofHeap(h, t, set, r)
		}
		addMemory(h, t, s.heapLimit, r)
		heard = h.At
	}
	if tr := o.Trace; tr != nil && t.trace.accepted && s.source != Profile && tr.Live.Known {
		s.ofTrace(tr, set, r)
		heard = tr.At
	}
	if heard != 0 && s.source != "" {
		s.say(o, heard, r)
	}
}

// ofHeap takes the live heap of the profile, once for each new cycle.
func (s *climbState) ofHeap(h *Heap, t *Target, set Settings, r *Report) {
	if s.source == Gctrace {
		*s = climbState{heapEpoch: s.heapEpoch, traceEpoch: s.traceEpoch, heapLimit: s.heapLimit, containerLimit: s.containerLimit}
	}
	if s.source == Profile && h.Cycles.Value <= s.cycles {
		return
	}
	until := seconds(h.At)
	if h.ObservedUntil.Known {
		until = h.ObservedUntil.Value
	}
	if s.clockSet(seconds(h.At), until, set) {
		r.note(Restarted, OfSignal, ClockSet, 1)
		*s = climbState{heapEpoch: s.heapEpoch, traceEpoch: s.traceEpoch, heapLimit: s.heapLimit, containerLimit: s.containerLimit}
	}
	born := until
	switch tr := &t.trace; {
	case t.heap.processStart.Known:
		born = t.heap.processStart.Value
	case fresh(tr.at, h.At, set):
		born = seconds(tr.at) - tr.last.elapsed
	}
	s.take(Profile, h.Cycles.Value, seconds(h.At), until, born, h.Inuse.Value)
}

// ofTrace takes the live heap of gctrace where no profile has it.
func (s *climbState) ofTrace(tr *Trace, set Settings, r *Report) {
	at := seconds(tr.At)
	if s.source == Gctrace && tr.Cycles.Value <= s.cycles {
		return
	}
	if s.source == "" {
		s.origin = at - tr.Elapsed.Value
	}
	s.take(Gctrace, tr.Cycles.Value, at, s.origin+tr.Elapsed.Value, s.origin, tr.Live.Value)
}

// clockSet tells that the clock of the process's host was set: back, or ahead of the scraper's by more than a window.
func (s *climbState) clockSet(at, until float64, set Settings) bool {
	return s.source != "" && (until <= s.until || (until-s.until)-(at-s.at) > set.Window.Seconds())
}

// take adds a live heap to the history, which begins afresh when the warm-up ends.
func (s *climbState) take(source Source, cycles, at, until, born, live float64) {
	if until > endOfTime {
		return
	}
	if s.source == "" || born < s.born {
		s.born = born
	}
	s.source, s.cycles, s.at, s.until = source, cycles, at, until
	if !s.warm && until >= s.born+warmUp {
		s.warm, s.history = true, batches{held: s.history.held[:0]}
	}
	s.history.add(until, live)
	s.fit = s.history.fit()
	s.shape = s.shapeNow()
}

// say adds what the history says, again with each observation: it holds until something else is known.
func (s *climbState) say(o *Observation, at uint64, r *Report) {
	for _, shape := range shapes {
		value := 0.0
		if shape == s.shape {
			value = 1
		}
		r.add(Signal{Name: HeapShape, Label: shape, At: at, Value: value})
	}
	if s.warm && s.fit.ok {
		s.saySlope(at, r)
	}
	s.leak.say(s, o, at, r)
}

func (s *climbState) saySlope(at uint64, r *Report) {
	f := &s.fit
	add := func(n Name, v float64) { r.add(Signal{Name: n, At: at, Value: v}) }
	add(Slope, f.slope)
	add(SlopeLower, f.lower)
	add(SlopeUpper, f.upper)
	add(SlopeWindow, f.window)
	if f.coverage < leastCoverage {
		r.warn(Slope, "gap", at, f.coverage, leastCoverage)
	}
	if f.effective < fewestBatches { // the interval is as much wider
		r.warn(Slope, fewSamples, at, f.effective, fewestBatches)
	}
	if f.lower <= 0 {
		return
	}
	for _, l := range s.limits() {
		if l.bytes.Known {
			r.add(Signal{Name: TimeToLimit, Label: l.label, At: at, Value: f.reaches(l.bytes.Value, f.slope)})
			r.add(Signal{Name: TimeToLimitLower, Label: l.label, At: at, Value: f.reaches(l.bytes.Value, f.upper)})
		}
	}
}

type limit struct {
	label string
	bytes Number
}

func (s *climbState) limits() [2]limit {
	return [2]limit{{"gomemlimit", s.heapLimit}, {"container", s.containerLimit}}
}

// reaches is after how many seconds the line reaches so many bytes at a slope above 0; 0 if it is there.
func (f *fit) reaches(bytes, slope float64) float64 {
	return math.Max(0, bytes-f.level) / slope
}
