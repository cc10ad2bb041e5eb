// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

// derived is what a half said last of the window, for the parts that compare sources. Absent if it did not say it.
type derived struct{ share, pressure Number }

// collected is what a snapshot knows of the collector's goals and cycles.
type collected struct {
	forced, pauseSum Number // cumulative
	live, goal       Number // bytes: of the profile, of MemStats
	nonHeap          Number // bytes that count against a memory limit and are not in heap objects or free spans
	used, stack      float64
}

func (h *Heap) collected() collected {
	return collected{
		forced: h.Forced, pauseSum: h.PauseSum, live: h.Inuse, goal: h.plainGoal(), nonHeap: h.nonHeap(), used: h.Used.Value, stack: h.Stack.Value,
	}
}

// hugeGoal in bytes is no goal: with GOGC=off and without a limit the runtime says 2^63 or so.
const hugeGoal = 1 << 50

func (h *Heap) plainGoal() Number {
	if h.Goal.Value >= hugeGoal {
		return Number{}
	}
	return h.Goal
}

// nonHeap is mappedReady - heapFree - heapAlloc of the runtime's pacer (memoryLimitHeapGoal in mgcpacer.go).
func (h *Heap) nonHeap() Number {
	v := h.Used.Value - (h.Idle.Value - h.Released.Value) - h.Alloc.Value
	return Number{v, h.Used.Known && h.Idle.Known && h.Released.Known && h.Alloc.Known && v >= 0}
}

// traced is what a point of gctrace knows of the collector's work. Seconds are cumulative.
type traced struct {
	stw, assist, background, idle float64 // CPU, known together
	stopped, marking              float64 // wall, known together
	byKind, byClock               bool
	live, goal                    Number // bytes, of the last cycle
	procs                         float64
}

func (t *Trace) traced() traced {
	w := traced{
		stw: t.STWCPU.Value, assist: t.Assist.Value, background: t.Background.Value, idle: t.IdleCPU.Value,
		stopped: t.ClockSweepTerm.Value + t.ClockMarkTerm.Value, marking: t.ClockMark.Value,
		byKind:  t.STWCPU.Known && t.Assist.Known && t.Background.Known && t.IdleCPU.Known,
		byClock: t.ClockSweepTerm.Known && t.ClockMark.Known && t.ClockMarkTerm.Known,
		live:    t.Live, goal: t.Goal, procs: t.Procs.Value,
	}
	if t.Goal.Value >= hugeGoal {
		w.goal = Number{}
	}
	return w
}

// window is the first and the last snapshot of the window up to `at` in unix nanoseconds, nil if there are not two or if no
// GC was heard for a window.
func (s *heapState) window(at uint64, set Settings) (first, last *snapshot) {
	if len(s.snapshots.points) < 2 {
		return nil, nil
	}
	last = s.snapshots.last()
	if seconds(at)-last.at > set.Window.Seconds() {
		return nil, nil
	}
	return s.snapshots.first(), last
}

// window is that of gctrace; nil also where so many records were lost that sums say nothing.
func (s *traceState) window(at uint64, set Settings) (first, last *tracePoint) {
	if len(s.points.points) < 2 {
		return nil, nil
	}
	first, last = s.points.first(), s.points.last()
	if seconds(at)-last.at > set.Window.Seconds() || !complete(first, last) {
		return nil, nil
	}
	return first, last
}

// summedCycles are those whose work is in the sums between two points.
func summedCycles(first, last *tracePoint) float64 {
	if first.summed.Known && last.summed.Known {
		return last.summed.Value - first.summed.Value
	}
	return last.cycles - first.cycles
}

// warnLost says of which share of the window's cycles the sums of gctrace are, unless it is all.
func warnLost(first, last *tracePoint, at uint64, r *Report) {
	if had, needed := summedCycles(first, last), last.cycles-first.cycles; had < needed {
		r.warn(GCCPUShare, lostRecords, at, max(had, 0), needed)
	}
}

// fresh tells that what was heard at `heard` still belongs to the window up to `at`, both in unix nanoseconds.
func fresh(heard, at uint64, set Settings) bool {
	return heard != 0 && (heard >= at || at-heard <= uint64(set.Window))
}
