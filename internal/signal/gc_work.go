// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

// ofTrace adds what gctrace says of the collector's work.
func (s *gcState) ofTrace(tr *Trace, t *Target, set Settings, r *Report) {
	half := &t.trace
	s.tracedGOGC = effective{}
	if start := t.heap.processStart; start.Known && fresh(t.heap.at, tr.At, set) {
		addLag(Gctrace, tr.At, start.Value+tr.Elapsed.Value, set, r)
	}
	first, last := half.window(tr.At, set)
	if first == nil {
		return
	}
	compareShares(t, tr.At, set, r)
	addWork(first, last, tr.At, r)
	addMarking(half.points.points, tr.At, r)
	addPerByte(Gctrace, half.now.share, Of((last.capacity-first.capacity)/(last.elapsed-first.elapsed)), &t.heap, first.at, last.at, tr.At, r)
	s.tracedGOGC = addTracedGOGC(half.points.points, t.heap.snapshots.last(), tr.At, r)
	if first.byClock && last.byClock {
		s.ring.agree(Gctrace, last.stopped-first.stopped, summedCycles(first, last), tr.At, set, r)
	}
}

// addWork adds how much of the available CPU each kind of work took, and how much of the collector's own time was assists.
func addWork(first, last *tracePoint, at uint64, r *Report) {
	capacity := last.capacity - first.capacity
	if !first.byKind || !last.byKind || capacity <= 0 {
		return
	}
	for _, kind := range [...]struct {
		label string
		v     float64
	}{
		{"assist", last.assist - first.assist}, {"background", last.background - first.background},
		{"idle", last.idle - first.idle}, {"stw", last.stw - first.stw},
	} {
		r.addShare(Signal{Name: WorkShare, Label: kind.label, At: at, Value: kind.v / capacity})
	}
	if cpu := last.cpu - first.cpu; cpu > 0 {
		r.addShare(Signal{Name: AssistShare, Source: Gctrace, At: at, Value: (last.assist - first.assist) / cpu})
	}
}

// leastLive in bytes that a number of whole MiB is good enough for: it may be 1 MiB too small.
const leastLive = 4 << 20

// addMarking adds how much of the time the collector was marking, and what marking a byte of live heap costs. Idle marking is
// in the cost: who marks depends on the load, how much there is to mark does not.
func addMarking(points []tracePoint, at uint64, r *Report) {
	first, last := &points[0], &points[len(points)-1]
	if first.byClock && last.byClock {
		r.addShare(Signal{Name: MarkShare, At: at, Value: (last.marking - first.marking) / (last.elapsed - first.elapsed)})
	}
	cycles := summedCycles(first, last)
	if !first.byKind || !last.byKind || cycles <= 0 {
		return
	}
	sum, n := 0.0, 0.0
	for i := range points[1:] { // the first one's cycle lies before the window
		if live := points[1+i].live; live.Known && live.Value >= leastLive {
			sum += live.Value
			n++
		}
	}
	if n == 0 {
		return
	}
	spent := last.assist + last.background + last.idle - first.assist - first.background - first.idle
	if spent < 0 {
		return
	}
	r.add(Signal{Name: MarkPerByte, At: at, Value: spent / cycles / (sum / n)})
}

// addPerByte adds the GC's CPU seconds per allocated byte: its share of the processors' time over the rate of allocation in
// the time that the share is of, from..to in seconds of the scraper's clock.
func addPerByte(source Source, share, procs Number, half *heapState, from, to float64, at uint64, r *Report) {
	rate := half.allocationRate(from, to)
	if !share.Known || !procs.Known || procs.Value <= 0 || !rate.Known || rate.Value <= 0 {
		return
	}
	r.add(Signal{Name: GCCPUPerByte, Source: source, At: at, Value: share.Value * procs.Value / rate.Value})
}

// leastOverlap is how much of a time the reads must cover, to say what was allocated in it.
const leastOverlap = 0.8

// allocationRate in bytes per second between two times of the scraper's clock.
func (s *heapState) allocationRate(from, to float64) Number {
	if len(s.reads.points) < 2 || to <= from {
		return Number{}
	}
	begin, end := max(from, s.reads.first().at), min(to, s.reads.last().at)
	if end-begin < leastOverlap*(to-from) {
		return Number{}
	}
	return Of((s.allocatedAt(end) - s.allocatedAt(begin)) / (end - begin))
}

// allocatedAt is linear between the reads; at lies between the first and the last.
func (s *heapState) allocatedAt(at float64) float64 {
	reads := s.reads.points
	for i := 1; i < len(reads); i++ {
		if a, b := &reads[i-1], &reads[i]; at <= b.at {
			return a.allocated + (b.allocated-a.allocated)*(at-a.at)/(b.at-a.at)
		}
	}
	return s.reads.last().allocated
}
