// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"math"
	"slices"
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

// effective is the GOGC that goals amount to, in percent, and how far off it may be for what the live heap is not known of.
type effective struct {
	Number
	off float64
}

// low tells that goals leave so little above the live heap that only a limit can be why.
func (e effective) low(slack float64) bool { return e.Known && (e.Value+e.off)*slack < lowGOGC }

// addGOGC adds the median over the window's snapshots.
func addGOGC(points []snapshot, at uint64, r *Report) effective {
	v, live := medianGOGC(points)
	if !v.Known {
		return effective{}
	}
	r.add(Signal{Name: EffectiveGOGC, Source: MemStats, At: at, Value: v.Value})
	e := profileError(live)
	if e > mostError {
		r.warn(EffectiveGOGC, fewSamples, at, mostError*mostError, e*e)
	}
	return effective{v, 100 * e}
}

// medianGOGC is also said with the median live heap. The goal is set by what cycle n left alive, which the profile says one
// cycle later: exact where cycle n+1 was heard too. Else the live heap of cycle n-1 stands for it, which is the same while it
// stays about the same.
func medianGOGC(points []snapshot) (v Number, live float64) {
	var exact, about, exactLives, lives values
	for i := range points {
		p := &points[len(points)-1-i] // the newest first, if there is not room for all
		if !p.goal.Known {
			continue
		}
		if p.live.Known && p.live.Value >= heapMinimum {
			about.add(gogc(p.live.Value, p.goal.Value, p.stack))
			lives.add(p.live.Value)
		}
		if i == 0 {
			continue
		}
		if n := &points[len(points)-i]; n.cycles == p.cycles+1 && n.live.Known && n.live.Value >= heapMinimum {
			exact.add(gogc(n.live.Value, p.goal.Value, p.stack))
			exactLives.add(n.live.Value)
		}
	}
	if exact.n > 0 {
		return exact.median(), exactLives.median().Value
	}
	return about.median(), lives.median().Value
}

// addTracedGOGC adds the median over the points of gctrace. A goal is of the cycle that just ended, and was set by what was
// alive after the one before: exact where that was heard too, else while the live heap stays about the same.
func addTracedGOGC(points []tracePoint, last *snapshot, at uint64, r *Report) effective {
	stack := 0.0
	if last != nil {
		stack = last.stack
	}
	var exact, about, lives values
	for i := len(points) - 1; i >= 0; i-- {
		p := &points[i]
		if !p.goal.Known {
			continue
		}
		if p.live.Known && p.live.Value >= heapMinimum {
			about.add(gogc(p.live.Value, p.goal.Value, stack))
			lives.add(p.live.Value)
		}
		if i == 0 {
			continue
		}
		if before := &points[i-1]; before.cycles == p.cycles-1 && before.live.Known && before.live.Value >= heapMinimum {
			exact.add(gogc(before.live.Value, p.goal.Value, stack))
		}
	}
	v, off := about.median(), 100*(1<<20)/max(heapMinimum, lives.median().Value) // whole MiB are cut off
	switch {
	case exact.n > 0:
		v = exact.median()
	case about.n > 0:
		off += about.spread() / 2
	default:
		return effective{}
	}
	r.add(Signal{Name: EffectiveGOGC, Source: Gctrace, At: at, Value: v.Value})
	return effective{v, off}
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
