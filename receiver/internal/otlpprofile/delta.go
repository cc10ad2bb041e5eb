// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import (
	"encoding/binary"
	"slices"

	"github.com/heapgate/heapgate/internal/profile"
)

// Delta remembers the cumulative values of one target's profiles of one kind, and subtracts them from the next.
//
// What was alike is told by the labels and the addresses of the stack (the functions, where there are no addresses), not
// by location ids, which shift between profiles. Of that a 64-bit hash is kept, keyed by a random number of this process.
// Among n stacks two share a hash with a probability of n*n/2^65: 6e-12 at 15,000. Then the change of one is written to
// the other.
//
// A first profile, and the first after a reset, has nothing to be subtracted from: its cumulative types are left out, its
// snapshots are not. It is a reset if the caller says that the process was restarted, if the program, the sampling period
// or the sample types are others, or if any value went back or is gone: the Go runtime forgets no stack.
//
// Not for concurrent use.
type Delta struct {
	limits  DeltaLimits
	budget  *Budget
	known   bool
	epoch   uint64 // hash of what must not change
	time    int64  // of the profile, unix ns
	state   []byte // by distinct stack and labels: 8 bytes of hash, then each cumulative value as uvarint
	entries int
}

// DeltaLimits bound what one Delta keeps. A zero field means its default. Beyond, nothing is kept and the values stay
// cumulative, as the temporality says.
type DeltaLimits struct {
	Stacks int // default 100,000
	Bytes  int // default 2 MiB
}

// NewDelta gives a Delta that has seen nothing. Its memory counts into the budget, if that is not nil, until Forget.
func NewDelta(limits DeltaLimits, budget *Budget) *Delta {
	if limits.Stacks <= 0 {
		limits.Stacks = 100_000
	}
	if limits.Bytes <= 0 {
		limits.Bytes = 2 << 20
	}
	return &Delta{limits: limits, budget: budget}
}

// Bytes is what is kept.
func (d *Delta) Bytes() int { return cap(d.state) }

// Stacks is how many stacks with distinct labels are kept.
func (d *Delta) Stacks() int { return d.entries }

// Forget drops what is kept: the next profile is a first one.
func (d *Delta) Forget() {
	d.budget.give(cap(d.state))
	d.known, d.state, d.entries = false, nil, 0
}

// Outcome is what a Delta made of a profile.
type Outcome string

const (
	OutcomeNone      Outcome = ""           // nothing in the profile is cumulative
	OutcomeFirst     Outcome = "first"      // nothing to compare with: left out
	OutcomeReset     Outcome = "reset"      // what there is to compare with is of another process: left out
	OutcomeDelta     Outcome = "delta"      // subtracted
	OutcomeOverLimit Outcome = "over_limit" // too much to keep: cumulative
)

// Cause of a reset.
type Cause string

const (
	CauseRestarted Cause = "restarted" // the caller said so
	CauseChanged   Cause = "changed"   // another program, sampling period or sample types
	CauseWentBack  Cause = "went_back" // a value is smaller than before, or gone
)

// deltaScratch is the memory of one apply.
type deltaScratch struct {
	columns []int    // the cumulative ones
	places  []uint64 // hash by location; 0 is not known yet
	keys    []uint64 // by sample
	first   []int32  // samples that are the first of their key
	slots   []int32  // open hash table of keys: 1 + sample; 0 is free
	state   []byte
}

// apply makes differences of the cumulative columns of values (by sample, then by sample type) and says so in series.
func (d *Delta) apply(s *deltaScratch, p *profile.Profile, series []series, values []int64, restarted bool) (Outcome, Cause) {
	s.columns = s.columns[:0]
	for i := range series {
		if series[i].temporality == TemporalityCumulative {
			s.columns = append(s.columns, i)
		}
	}
	if len(s.columns) == 0 {
		return OutcomeNone, ""
	}
	s.index(p)
	width := len(series)
	positive := s.sum(values, width)
	s.encode(values, width, d.limits.Bytes)
	if len(s.first) > d.limits.Stacks || len(s.state) > d.limits.Bytes || !d.budget.take(len(s.state)) {
		d.Forget()
		return OutcomeOverLimit, ""
	}

	epoch := epochOf(p)
	outcome, cause := OutcomeDelta, Cause("")
	switch {
	case !d.known:
		outcome = OutcomeFirst
	case restarted:
		outcome, cause = OutcomeReset, CauseRestarted
	case epoch != d.epoch:
		outcome, cause = OutcomeReset, CauseChanged
	case !positive || !s.subtract(d.state, values, width):
		outcome, cause = OutcomeReset, CauseWentBack
	}
	for _, i := range s.columns {
		if series[i].temporality = ""; outcome == OutcomeDelta {
			series[i].temporality = TemporalityDelta
			if took := p.TimeNanos - d.time; took > 0 {
				series[i].start, series[i].duration = d.time, took
			}
		}
	}
	d.keep(s, epoch, p.TimeNanos)
	if !positive {
		d.Forget()
	}
	return outcome, cause
}

// keep replaces the state, whose new length is taken from the budget already.
func (d *Delta) keep(s *deltaScratch, epoch uint64, time int64) {
	old := cap(d.state)
	if n := len(s.state); n > old || n < old*3/4 {
		d.state = make([]byte, n)
	}
	d.state = d.state[:copy(d.state[:cap(d.state)], s.state)]
	d.budget.give(old + len(s.state) - cap(d.state))
	d.known, d.epoch, d.time, d.entries = true, epoch, time, len(s.first)
}

// sum adds up what has the same key in the first of them, and says whether no cumulative value is negative.
func (s *deltaScratch) sum(values []int64, width int) bool {
	size := 64
	for size < 2*len(s.keys) {
		size *= 2
	}
	s.slots = zeros(s.slots, size)
	s.first = s.first[:0]
	positive := true
	for i, key := range s.keys {
		row := values[i*width:][:width]
		for _, c := range s.columns {
			positive = positive && row[c] >= 0
		}
		slot, known := s.find(key)
		if !known {
			s.slots[slot] = int32(i + 1)
			s.first = append(s.first, int32(i))
			continue
		}
		sum := values[int(s.slots[slot]-1)*width:][:width]
		for _, c := range s.columns {
			sum[c], row[c] = saturated(sum[c], row[c]), 0
		}
	}
	return positive
}

// find gives the slot of a key, or the one that it would have.
func (s *deltaScratch) find(key uint64) (slot uint64, known bool) {
	mask := uint64(len(s.slots) - 1)
	for slot = key & mask; s.slots[slot] != 0; slot = (slot + 1) & mask {
		if s.keys[s.slots[slot]-1] == key {
			return slot, true
		}
	}
	return slot, false
}

// encode writes the state, or enough of it to be beyond the limit.
func (s *deltaScratch) encode(values []int64, width, limit int) {
	s.state = s.state[:0]
	for _, i := range s.first {
		if len(s.state) > limit {
			return
		}
		row := values[int(i)*width:][:width]
		s.state = binary.LittleEndian.AppendUint64(s.state, s.keys[i])
		for _, c := range s.columns {
			s.state = binary.AppendUvarint(s.state, uint64(row[c]))
		}
	}
}

// subtract subtracts a state from the values. If one of them is gone or would be negative, it gives up and says false.
func (s *deltaScratch) subtract(state []byte, values []int64, width int) bool {
	for len(state) > 0 {
		slot, known := s.find(binary.LittleEndian.Uint64(state))
		state = state[8:]
		for _, c := range s.columns {
			before, n := binary.Uvarint(state)
			state = state[n:]
			if !known {
				if before != 0 {
					return false
				}
				continue
			}
			value := &values[int(s.slots[slot]-1)*width+c]
			if *value < int64(before) {
				return false
			}
			*value -= int64(before)
		}
	}
	return true
}

// index hashes every sample's stack and labels.
func (s *deltaScratch) index(p *profile.Profile) {
	s.places = slices.Grow(s.places[:0], len(p.Locations))[:len(p.Locations)]
	clear(s.places)
	s.keys = s.keys[:0]
	for i := range p.Samples {
		sample := &p.Samples[i]
		h := seed
		for _, at := range sample.Locations {
			place := s.places[at]
			if place == 0 {
				place = placeOf(p, at)
				s.places[at] = place
			}
			h = fold(h, place)
		}
		s.keys = append(s.keys, fold(h, labelsOf(sample.Labels)))
	}
}
