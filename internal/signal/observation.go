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

// Observation is what one batch says of one process. Each part may be nil.
type Observation struct {
	Heap       *Heap
	Trace      *Trace
	CPU        *CPUProfile
	Exec       *Exec
	Goroutines *Goroutines

	Runtime string   // process.runtime.version such as "go1.24.4 X:noswissmap", "" if not known
	Peers   AgeSlope // how the live heap of this workload usually climbs at this age
	// LowConfidence is set where the parts were guessed from less than a Go process says itself (a foreign OTLP profile).
	LowConfidence bool
}

// AgeSlope is what is usual for a workload at one age of its processes.
type AgeSlope struct {
	Upper   Number // By/s: upper end of the usual slope of the live heap
	Samples int    // processes it was learned from
}

// CPUProfile is one CPU profile. Shares are of its samples, 0..1.
type CPUProfile struct {
	At         uint64 // unix nanoseconds
	Samples    Number // required
	Usage      Number // cores the process used
	MarkShare  Number // assists and background marking
	TotalShare Number // any GC work
	SweepShare Number
}

// Exec is one execution trace. Times are seconds within its window.
type Exec struct {
	At      uint64 // unix nanoseconds
	Window  Number // seconds, required
	Cycles  Number
	STW     Number // stop-the-world time for the GC
	STWMax  Number // longest stop for the GC
	GCTime  Number // concurrent marking
	Goal    Number // largest heap goal, bytes
	Blocked Number // goroutine-seconds blocked while marking
}

// Goroutines is one goroutine profile.
type Goroutines struct {
	At    uint64 // unix nanoseconds
	Start uint64 // since when the series count, 0 if not known
	Total Number // required
	Sites []GoroutineSite
	InMap Number // goroutines that stand in a map operation
	Leaks Number // goroutines that the runtime itself reports as leaked
}

// GoroutineSite is where goroutines stand. The Class of its key is the state they are in.
type GoroutineSite struct {
	SiteKey
	Count  Number
	Leaked Number // of the process's own leak profile
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

	Objects        Number // MemStats.Mallocs
	Forced         Number // MemStats.NumForcedGC
	Used           Number // MemStats.Sys less HeapReleased, bytes
	Stack          Number // MemStats.StackInuse, bytes
	Idle           Number // MemStats.HeapIdle, bytes, released ones included
	Released       Number // MemStats.HeapReleased, bytes
	InuseSpans     Number // MemStats.HeapInuse, bytes
	RSSMax         Number // largest resident size, bytes
	Limit          Number // GOMEMLIMIT as configured, bytes
	ContainerLimit Number // bytes
	Rate           Number // MemProfileRate, bytes; 0 takes no samples
	ProfileAlloc   Number // bytes allocated at all sites, estimated
	PauseSum       Number // seconds: sum of the pauses that are in Pauses
	Families       []Family
}

// Family is the estimate of one site that allocates in a known, avoidable way. The Class of its key is the family.
type Family struct {
	SiteKey
	Allocated Number // bytes since the start of the process
	Objects   Number
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
	Objects   Number // allocated objects since the start of the process, estimated
	Largest   Number // bytes of the largest block allocated at the site that was sampled
}

// Trace is the state of gctrace after the last cycle heard; all but OverGoal, Live and Summed are required.
type Trace struct {
	At, Start uint64 // nanoseconds, as in Heap
	Cycles    Number // highest GC number heard
	Elapsed   Number // seconds from the start of the process to the end of that cycle
	CPU       Number // seconds of GC work, idle marking excluded
	Procs     Number // GOMAXPROCS
	OverGoal  Number // cycles whose goal was not above the live heap
	Live      Number // bytes alive after the last cycle
	Summed    Number // cycles whose work is in CPU and OverGoal: fewer than Cycles advances where records were lost

	Goal                                     Number // bytes, of the last cycle
	STWCPU, Assist, Background               Number // CPU seconds of GC work by kind; CPU is their sum
	IdleCPU                                  Number // CPU seconds of idle marking, in no sum
	ClockSweepTerm, ClockMark, ClockMarkTerm Number // wall seconds of sweep termination, concurrent marking, mark termination
}

// Watched tells whether a site is one of a map. The bucket of the rest ("other", without a file) is many sites, and changes
// them: nothing can be said of it.
func Watched(key *SiteKey) bool {
	switch key.Class {
	case "map_make", "map_box":
	default:
		if !Growing(key) {
			return false
		}
	}
	return key.Function != "other" || key.File != ""
}

// Growing tells whether a class is one of a growing map. Preallocation and boxes do not grow with the number of keys at this
// site: they only have their share of what maps allocate at a line.
func Growing(key *SiteKey) bool {
	switch key.Class {
	case "map_grow", "map_overflow", "map_clone", "sync_map":
		return true
	}
	return false
}

// refusal is why the half cannot be used, "" if it can.
func (h *Heap) refusal() Reason {
	if h.At == 0 || !h.Cycles.Known || !h.Allocated.Known {
		return Incomplete
	}
	if r := refusal(h.Cycles, h.Allocated, h.ObservedUntil, h.LastGC, h.ProcessStart, h.CPUFraction, h.PauseMax, h.Inuse, h.Alloc, h.Goal,
		h.Objects, h.Forced, h.Used, h.Stack, h.Idle, h.Released, h.InuseSpans, h.RSSMax, h.Limit, h.ContainerLimit, h.PauseSum); r != "" {
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
	return refusal(t.Cycles, t.Elapsed, t.CPU, t.Procs, t.OverGoal, t.Live, t.Summed,
		t.Goal, t.STWCPU, t.Assist, t.Background, t.IdleCPU, t.ClockSweepTerm, t.ClockMark, t.ClockMarkTerm)
}

func (s *Site) refusal() Reason {
	if !s.Allocated.Known || !s.Inuse.Known || !s.Samples.Known || !s.StdErr.Known {
		return Incomplete
	}
	return refusal(s.Allocated, s.Inuse, s.Samples, s.StdErr, s.Objects, s.Largest)
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
