// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"math"
	"slices"
	"strings"
)

// heapMinimum in bytes is the least goal at GOGC=100 (defaultHeapMinimum in mgcpacer.go), and other GOGC scale it. With less
// alive than that, the goal says nothing of GOGC.
const heapMinimum = 4 << 20

// addNextCycle adds when the heap reaches its goal at the rate of the window. The next cycle begins a little earlier, so that
// it ends there.
func addNextCycle(h *Heap, half *heapState, r *Report) {
	goal := h.plainGoal()
	if !goal.Known || !h.Alloc.Known || len(half.reads.points) < 2 {
		return
	}
	rate := half.allocationRate(half.reads.first().at, half.reads.last().at)
	if !rate.Known || rate.Value <= 0 {
		return
	}
	r.add(Signal{Name: NextCycle, At: h.At, Value: max(0, goal.Value-h.Alloc.Value) / rate.Value})
}

// gogc is the GOGC that a goal amounts to: since Go 1.18, goal = live + (live + stacks + globals) * GOGC/100. Globals are in
// no source, so that it is a little too high where they are large beside the live heap.
func gogc(live, goal, stack float64) float64 {
	return 100 * max(0, goal-live) / (live + stack)
}

// profileError is the relative standard error of a heap profile's bytes in use, as sampled once in 512 KiB.
func profileError(bytes float64) float64 { return math.Sqrt(512 << 10 / bytes) }

// mostError of the live heap that an effective GOGC is given without a warning for: 52 MiB alive and more.
const mostError = 0.1

// addGOGC adds the median over the window's snapshots.
func addGOGC(points []snapshot, at uint64, r *Report) Number {
	v, live := medianGOGC(points)
	if v.Known {
		r.add(Signal{Name: EffectiveGOGC, Source: MemStats, At: at, Value: v.Value})
		if e := profileError(live); e > mostError {
			r.warn(EffectiveGOGC, fewSamples, at, mostError*mostError, e*e)
		}
	}
	return v
}

// medianGOGC is also said with the median live heap.
func medianGOGC(points []snapshot) (v Number, live float64) {
	var gogcs, lives values
	for i := range points {
		p := &points[len(points)-1-i] // the newest first, if there is not room for all
		if p.goal.Known && p.live.Known && p.live.Value >= heapMinimum {
			gogcs.add(gogc(p.live.Value, p.goal.Value, p.stack))
			lives.add(p.live.Value)
		}
	}
	return gogcs.median(), lives.median().Value
}

// addTracedGOGC adds the median over the points of gctrace. A goal is of the cycle that just ended, and was set by what was
// alive after the one before: exact only while the live heap stays about the same.
func addTracedGOGC(points []tracePoint, last *snapshot, at uint64, r *Report) Number {
	stack := 0.0
	if last != nil {
		stack = last.stack
	}
	var gogcs values
	for i := range points {
		if p := &points[len(points)-1-i]; p.goal.Known && p.live.Known && p.live.Value >= heapMinimum {
			gogcs.add(gogc(p.live.Value, p.goal.Value, stack))
		}
	}
	v := gogcs.median()
	if v.Known {
		r.add(Signal{Name: EffectiveGOGC, Source: Gctrace, At: at, Value: v.Value})
	}
	return v
}

const (
	// limitReads that must show the same limit.
	limitReads = 4
	// sameLimit is how far the limits that they show may be apart, as a share of the goal. The formula is exact; what was
	// allocated between the sums that the runtime takes is not.
	sameLimit = 0.03
	// movedLive is how far the live heap must have moved meanwhile: without a limit, goals would have moved as far.
	movedLive = 0.10
	// movedErrors is the least move in standard errors of the profile: the range of twenty draws of a normal distribution is
	// 3.7 of them on average, and above 6 in one case of thousand.
	movedErrors = 6
)

// inferLimit is GOMEMLIMIT as the goals show it: while the limit holds the goals down, goal + what is not heap stays the same
// whatever is alive; under GOGC the goals move with what is alive. Where goals do not move because nothing moves, and where
// they are at the live heap, they do not show it.
func inferLimit(points []snapshot, runtime string) Number {
	var limits, goals, lives values
	for i := range points {
		p := &points[len(points)-1-i]
		if !p.goal.Known || !p.nonHeap.Known || !p.live.Known || p.live.Value < heapMinimum || p.goal.Value < p.live.Value || p.overGoal.Value == 1 {
			continue
		}
		limits.add(limitOf(p.goal.Value, p.nonHeap.Value, p.used, runtime))
		goals.add(p.goal.Value)
		lives.add(p.live.Value)
	}
	if limits.n < limitReads {
		return Number{}
	}
	live := lives.median().Value
	if lives.spread() < live*max(movedLive, movedErrors*profileError(live)) || limits.spread() > sameLimit*goals.median().Value {
		return Number{}
	}
	return limits.median()
}

// limitOf inverts memoryLimitHeapGoal of mgcpacer.go: goal = x - headroom with x = limit - nonHeap - max(used-limit, 0), and
// headroom = 3 % of x, at least 1 MiB; before Go 1.21 always 1 MiB.
func limitOf(goal, nonHeap, used float64, runtime string) float64 {
	x := goal + 1<<20
	if !strings.HasPrefix(runtime, "go1.19") && !strings.HasPrefix(runtime, "go1.20") {
		x = max(x, goal/0.97)
	}
	if limit := x + nonHeap; used <= limit {
		return limit
	}
	return (x + nonHeap + used) / 2
}

// values are few, so that sorting them costs nothing and allocates nothing.
type values struct {
	n int
	v [32]float64
}

// add leaves out what has no room: 32 are enough for a median.
func (s *values) add(v float64) {
	if s.n < len(s.v) {
		s.v[s.n] = v
		s.n++
	}
}

func (s *values) median() Number {
	if s.n == 0 {
		return Number{}
	}
	v := s.v[:s.n]
	slices.Sort(v)
	return Of((v[(s.n-1)/2] + v[s.n/2]) / 2)
}

func (s *values) spread() float64 { return slices.Max(s.v[:s.n]) - slices.Min(s.v[:s.n]) }
