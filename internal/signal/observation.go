// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import "math"

// Number is a value that may be absent. The zero Number is absent.
type Number struct {
	Value float64
	Known bool
}

// Of is a known Number.
func Of(v float64) Number { return Number{v, true} }

// Observation is what one batch says of one process. Either half may be nil.
type Observation struct {
	Heap  *Heap
	Trace *Trace
}

// Heap is one heap text: MemStats, pauses and the map sites of the profile. Times are unix, sizes bytes since the start
// of the process where they are cumulative.
type Heap struct {
	At, Start     uint64 // nanoseconds: of the read by the scraper's clock; since when the series count, 0 if not known
	Cycles        Number // NumGC, required
	Allocated     Number // MemStats.TotalAlloc in bytes, required
	ObservedUntil Number // seconds: end of GC n-1, up to which the profile is published
	LastGC        Number // seconds: end of GC n
	ProcessStart  Number // seconds
	CPUFraction   Number // MemStats.GCCPUFraction, 0..1 since ProcessStart
	PauseMax      Number // seconds: longest pause of the cycles first seen in this read
	Inuse         Number // bytes in use in the whole profile
	Alloc         Number // MemStats.HeapAlloc in bytes
	Goal          Number // MemStats.NextGC in bytes
	Pauses        Histogram
	Profile       bool   // a heap profile was read, even if no site of it is of a map
	Sites         []Site // of maps only, see Watched
}

// Histogram is cumulative: Counts[i] pauses so far were at most Bounds[i] seconds, the last count has no bound.
type Histogram struct{ Bounds, Counts []float64 }

// SiteKey names a site.
type SiteKey struct {
	Function, File string
	Line           int64
	Class          string
}

// Site is the estimate of one map site; all four numbers are required.
type Site struct {
	SiteKey
	Allocated Number // bytes since the start of the process, estimated from the samples
	Inuse     Number // bytes
	Samples   Number // sampled allocations since the start of the process
	StdErr    Number // standard error of Allocated in bytes
}

// Trace is the state of gctrace after the last cycle heard; all but OverGoal, Live and Summed are required.
type Trace struct {
	At, Start uint64 // nanoseconds, as in Heap
	Cycles    Number // highest GC number heard
	Elapsed   Number // seconds from the start of the process to the start of that cycle ("@Ts")
	CPU       Number // seconds of GC work, idle marking excluded
	Procs     Number // GOMAXPROCS
	OverGoal  Number // cycles whose goal was not above the live heap
	Live      Number // bytes alive after the last cycle
	Summed    Number // cycles whose work is in CPU and OverGoal: fewer than Cycles advances where records were lost
}

// Watched tells whether a site is one of a growing map. Preallocation and boxes do not grow with the number of keys at
// this site. The bucket of the rest ("other", without a file) is many sites, and changes them: no growth of its own.
func Watched(key *SiteKey) bool {
	switch key.Class {
	case "map_grow", "map_overflow", "map_clone", "sync_map":
		return key.Function != "other" || key.File != ""
	}
	return false
}

// refusal is why the half cannot be used, "" if it can.
func (h *Heap) refusal() Reason {
	if h.At == 0 || !h.Cycles.Known || !h.Allocated.Known {
		return Incomplete
	}
	if r := refusal(h.Cycles, h.Allocated, h.ObservedUntil, h.LastGC, h.ProcessStart, h.CPUFraction, h.PauseMax, h.Inuse, h.Alloc, h.Goal); r != "" {
		return r
	}
	if h.CPUFraction.Value > 1 {
		return OutOfRange
	}
	return h.Pauses.refusal()
}

func (t *Trace) refusal() Reason {
	if t.At == 0 || !t.Cycles.Known || !t.Elapsed.Known || !t.CPU.Known || !t.Procs.Known {
		return Incomplete
	}
	return refusal(t.Cycles, t.Elapsed, t.CPU, t.Procs, t.OverGoal, t.Live, t.Summed)
}

func (s *Site) refusal() Reason {
	if !s.Allocated.Known || !s.Inuse.Known || !s.Samples.Known || !s.StdErr.Known {
		return Incomplete
	}
	return refusal(s.Allocated, s.Inuse, s.Samples, s.StdErr)
}

func (h Histogram) refusal() Reason {
	if h.Counts == nil {
		return ""
	}
	if len(h.Counts) != len(h.Bounds)+1 {
		return Incomplete
	}
	for i, bound := range h.Bounds {
		if !finite(bound) || bound <= 0 || i > 0 && bound <= h.Bounds[i-1] {
			return OutOfRange
		}
	}
	for _, count := range h.Counts {
		if r := refusal(Of(count)); r != "" {
			return r
		}
	}
	return ""
}

func refusal(numbers ...Number) Reason {
	for _, n := range numbers {
		switch {
		case !n.Known:
		case !finite(n.Value):
			return NotFinite
		case n.Value < 0:
			return Negative
		}
	}
	return ""
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
