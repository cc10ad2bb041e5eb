// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

// Source is where a signal was read, for the signals that can be read in two places.
type Source string

const (
	Gctrace    Source = "gctrace"
	MemStats   Source = "memstats"
	Profile    Source = "profile"     // of the heap
	CPUSamples Source = "cpu_profile" // of the CPU
	ExecTrace  Source = "trace"       // an execution trace
)

// Signal is one derived number. A state or a verdict is the number 1 under the label that holds.
type Signal struct {
	Name   Name
	Source Source
	Label  string   // what tells the points of one Name apart: a state, a verdict, a limit, a kind of work
	Of     Name     // the signal that a Warning or a Baseline is about
	Reason string   // why a verdict is what it is
	Site   *SiteKey // nil unless the signal is of a site; never changes
	At     uint64   // unix nanoseconds of the observation it was derived from
	Value  float64
}

// Change says that a verdict is another than before: worth a line in a log.
type Change struct {
	Name     Name // MapVerdict, Leak, GoroutineLeak, GCState, AdviceGOGC or AdviceMemoryLimit
	Site     *SiteKey
	From, To string // labels; From is "" at first
	Reason   string
	Text     string // one sentence for a person: what is known, with numbers and units
	At       uint64 // unix nanoseconds
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

	OfCPU        Subject = "cpu_profile"
	OfExec       Subject = "trace"
	OfGoroutines Subject = "goroutines"
	OfFamily     Subject = "family"
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
	Changes []Change
}

// Reset empties the report and keeps its memory.
func (r *Report) Reset() {
	clear(r.Signals)
	clear(r.Changes)
	r.Signals, r.Notes, r.Changes = r.Signals[:0], r.Notes[:0], r.Changes[:0]
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

// warn says what to know before believing a signal: the share of what it needed that it had, 0 where that is not countable.
func (r *Report) warn(of Name, warning string, at uint64, had, needed float64) {
	share := 0.0
	if needed > 0 {
		share = min(had/needed, 1)
	}
	r.add(Signal{Name: Warning, Of: of, Label: warning, At: at, Value: share})
}

// noise is how far from 0..1 rounding alone can bring a share: unix seconds in a float64 have steps of 2.4e-7 s.
const noise = 1e-6

// addShare refuses a share outside 0..1: a clamp would hide that its input is wrong. It returns the share if it is one.
func (r *Report) addShare(s Signal) Number {
	if s.Value < -noise || s.Value > 1+noise {
		r.note(Refused, OfSignal, OutOfRange, 1)
		return Number{}
	}
	s.Value = min(max(s.Value, 0), 1)
	r.add(s)
	return Number{s.Value, finite(s.Value)}
}
