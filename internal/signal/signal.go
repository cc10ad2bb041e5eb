// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

// Name of a signal. Its text is the part of the metric name after "heapgate.signal.".
type Name uint8

// The signals, in the order of their text.
const (
	Cycles Name = iota
	GCCPUShare
	LimitPressure
	PauseMax
	PauseP99
	AllocationRate
	HeapLive
	Doublings
	GrowthRate
	GrowthRateLower
	GrowthRateUpper
	GrowthWindows
	RetainedShare
	Samples
	Sites
	Window
	Windows
	Names // how many there are
)

var names = [Names]string{
	"cycles", "gc.cpu.share", "gc.limit_pressure", "gc.pause.max", "gc.pause.p99", "heap.allocation_rate", "heap.live", "map.doublings",
	"map.growth_rate", "map.growth_rate.lower", "map.growth_rate.upper", "map.growth_windows", "map.retained_share", "map.samples", "map.sites", "window", "windows",
}

func (n Name) String() string { return names[n] }

// Source is where a signal was read, for the signals that can be read in two places.
type Source string

const (
	Gctrace  Source = "gctrace"
	MemStats Source = "memstats"
	Profile  Source = "profile"
)

// Signal is one derived number.
type Signal struct {
	Name   Name
	Source Source
	Site   *SiteKey // nil unless the signal is of a site; never changes
	At     uint64   // unix nanoseconds of the observation it was derived from
	Value  float64
}

// Reason is why something began afresh or was not used.
type Reason string

const (
	NotFinite  Reason = "not_finite"   // NaN or infinite
	Negative   Reason = "negative"     // below zero where nothing can be
	Incomplete Reason = "incomplete"   // a required number is absent
	OutOfRange Reason = "out_of_range" // a share outside 0..1, bounds that do not rise
	OutOfOrder Reason = "out_of_order" // not newer than the last observation
	TooMany    Reason = "too_many"     // above a limit
	WentBack   Reason = "went_back"    // a cumulative number fell
	NewStart   Reason = "start"        // the start time changed
	ClockSet   Reason = "clock"        // a wall clock was set back
	NewBounds  Reason = "bounds"       // the pause histogram has other bounds
)

// Event is what a Note reports.
type Event string

const (
	Restarted Event = "restarted"
	Refused   Event = "refused"
)

// Subject is the part of an observation that a Note is about.
type Subject string

const (
	OfHeap   Subject = "heap"
	OfTrace  Subject = "gctrace"
	OfSite   Subject = "site"
	OfSignal Subject = "signal"
)

// Note says that a part began afresh or was refused, N times.
type Note struct {
	Event   Event
	Subject Subject
	Reason  Reason
	N       int
}

// Report collects what one observation led to. It can be reused after Reset.
type Report struct {
	Signals []Signal
	Notes   []Note
}

// Reset empties the report and keeps its memory.
func (r *Report) Reset() {
	clear(r.Signals)
	r.Signals, r.Notes = r.Signals[:0], r.Notes[:0]
}

// Refuse notes that a part was not even an observation.
func (r *Report) Refuse(s Subject, why Reason) { r.note(Refused, s, why, 1) }

func (r *Report) note(e Event, s Subject, why Reason, n int) {
	r.Notes = append(r.Notes, Note{e, s, why, n})
}

// add refuses what is not a number: finite input can still overflow.
func (r *Report) add(s Signal) {
	if !finite(s.Value) {
		r.note(Refused, OfSignal, NotFinite, 1)
		return
	}
	r.Signals = append(r.Signals, s)
}

// noise is how far from 0..1 rounding alone can bring a share: unix seconds in a float64 have steps of 2.4e-7 s.
const noise = 1e-6

// addShare refuses a share outside 0..1: a clamp would hide that its input is wrong.
func (r *Report) addShare(s Signal) {
	if s.Value < -noise || s.Value > 1+noise {
		r.note(Refused, OfSignal, OutOfRange, 1)
		return
	}
	s.Value = min(max(s.Value, 0), 1)
	r.add(s)
}
