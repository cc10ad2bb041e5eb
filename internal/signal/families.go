// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"cmp"
	"slices"
)

const (
	maxFamilies    = 16   // kinds of families; there are seven
	maxFamilyLines = 48   // that are remembered: more than the receiver names
	maxFamilyRates = 20   // lines that are told
	leastFamily    = 0.01 // share of the window's allocation that a line must have to be told
	fewestOfLine   = 4    // sampled allocations without which a rate is no number: its error is 1/sqrt(n)
	goodOfLine     = 10
)

// familyState is what is remembered of the avoidable ways of allocating: what each line has allocated since the window began,
// and the lines of each family together. Its time base is that of the profile, and it learns only from profiles with lines:
// a protobuf profile has none.
type familyState struct {
	epoch         int
	heard         bool
	cycles, until float64 // of the last profile with lines
	last          float64 // until of the one before
	at            float64 // when the last one was read
	span          span
	moments       int // of the span, without the last profile
	lines         bounded[familyLine]
	families      []familySum
	whole         familyWhole
	told          []familyRate
	samples       float64 // of the told line that has fewest; 0 if that is not known
}

type familyLine struct {
	key       *SiteKey // owned; nil until the line was told
	allocated float64  // now
	first, at float64  // when it was first heard, and last, on the time base
	grown     since
	given     int32 // index in the observation; -1 where it is not in it
}

type familySum struct {
	key   *SiteKey // its family alone
	grown since
	share Number
}

// familyWhole is the whole profile.
type familyWhole struct {
	allocated Number // now
	grown     since
	counts    bool // the last profile is in grown
}

type familyRate struct {
	key   *SiteKey
	value float64 // By/s
}

func (s *familyState) observe(o *Observation, t *Target, set Settings, r *Report) {
	if s.epoch != t.heap.epoch {
		*s = familyState{epoch: t.heap.epoch}
	}
	h := o.Heap
	if h == nil || !t.heap.accepted {
		return
	}
	if len(h.Families) > 0 && h.ObservedUntil.Known && t.heap.settled(h.Cycles.Value) && (!s.heard || h.Cycles.Value > s.cycles) {
		s.remember(h, set, r)
		s.judge(h)
	}
	if s.heard && seconds(h.At)-s.at <= set.Window.Seconds() {
		s.derive(h.At, r)
	}
}

func (s *familyState) remember(h *Heap, set Settings, r *Report) {
	until := h.ObservedUntil.Value
	if s.heard && until <= s.until { // the clock of the process' host was set back
		r.note(Restarted, OfFamily, ClockSet, 1)
		*s = familyState{epoch: s.epoch}
	}
	s.heard, s.cycles, s.at = true, h.Cycles.Value, seconds(h.At)
	s.last, s.until = s.until, until
	s.turn(set)
	s.measure(h)
	left := s.lines.assign(len(h.Families), min(set.MaxSites, maxFamilyLines), func(i int) uint64 { return h.Families[i].hash() }, func(i int, l *familyLine) {
		if why := s.take(&h.Families[i], l, i); why != "" {
			r.note(Refused, OfFamily, why, 1)
		}
	})
	for i := range h.Families {
		if why := h.Families[i].refusal(); why != "" {
			r.note(Refused, OfFamily, why, 1)
		}
	}
	if left > 0 {
		r.note(Refused, OfFamily, TooMany, left)
	}
}

func (f *Family) refusal() Reason {
	if !f.Allocated.Known {
		return Incomplete
	}
	return refusal(f.Allocated)
}

// hash is 0 for what cannot be.
func (f *Family) hash() uint64 {
	if f.refusal() != "" {
		return 0
	}
	return hashOf(&f.SiteKey)
}

// turn moves the window on.
func (s *familyState) turn(set Settings) {
	gone, remembered := s.span.push(s.until, set.Window.Seconds())
	s.moments = s.span.n
	if remembered {
		s.moments--
	}
	s.whole.grown.push(gone)
	for i := range s.families {
		s.families[i].grown.push(gone)
	}
	for i := range s.lines.all {
		l := &s.lines.all[i].is
		l.grown.push(gone)
		l.given = -1
	}
}

// measure takes the whole of the profile. Where it is not known, or fell because the process takes its samples at another
// rate, the window of the shares begins afresh.
func (s *familyState) measure(h *Heap) {
	whole, before := h.ProfileAlloc, s.whole.allocated
	if refusal(whole) != "" {
		whole = Number{}
	}
	if s.whole.counts = whole.Known && before.Known && whole.Value >= before.Value; !s.whole.counts {
		s.whole = familyWhole{}
		for i := range s.families {
			s.families[i].grown = since{}
		}
	} else {
		s.whole.grown.add(whole.Value-before.Value, s.moments)
	}
	s.whole.allocated = whole
}

// take takes what a line has allocated. What it had when it was first heard, or again, is not of this window.
func (s *familyState) take(f *Family, l *familyLine, i int) (why Reason) {
	sum := s.family(f.Class)
	if sum == nil {
		return TooMany
	}
	grown := f.Allocated.Value - l.allocated
	if l.at == s.last && grown < -rounding {
		why = WentBack
	}
	if l.first == 0 || l.at != s.last || why != "" {
		*l = familyLine{key: l.key, first: s.until}
	} else {
		l.grown.add(max(0, grown), s.moments)
		if s.whole.counts {
			sum.grown.add(max(0, grown), s.moments)
		}
	}
	l.allocated, l.at, l.given = f.Allocated.Value, s.until, int32(i)
	return why
}

// family finds or makes the sum of a family, nil where there are too many.
func (s *familyState) family(name string) *familySum {
	for i := range s.families {
		if s.families[i].key.Class == name {
			return &s.families[i]
		}
	}
	if len(s.families) == maxFamilies {
		return nil
	}
	s.families = append(s.families, familySum{key: &SiteKey{Class: name}})
	return &s.families[len(s.families)-1]
}

// judge makes the numbers of the window that ends with this profile.
func (s *familyState) judge(h *Heap) {
	whole := float64(s.whole.grown[0])
	for i := range s.families {
		f := &s.families[i]
		f.share = Number{}
		if whole > 0 {
			f.share = Of(float64(f.grown[0]) / whole)
			if f.share.Value > 1 && f.share.Value < 1.01 { // the lines and the whole are rounded apart
				f.share.Value = 1
			}
		}
	}
	s.told, s.samples = s.told[:0], 0
	var order [maxFamilyLines]int32
	lines := order[:0]
	for i := range s.lines.all {
		if l := &s.lines.all[i].is; l.given >= 0 && s.weighs(l, h, whole) {
			lines = append(lines, int32(i))
		}
	}
	slices.SortStableFunc(lines, func(a, b int32) int { return cmp.Compare(s.rate(&s.lines.all[b].is), s.rate(&s.lines.all[a].is)) })
	for _, i := range lines[:min(len(lines), maxFamilyRates)] {
		l := &s.lines.all[i].is
		if l.key == nil {
			owned := h.Families[l.given].SiteKey
			l.key = &owned
		}
		s.told = append(s.told, familyRate{l.key, s.rate(l)})
		if samples := float64(l.grown[0]) / h.Rate.Value; h.Rate.Value > 1 && (s.samples == 0 || samples < s.samples) {
			s.samples = samples
		}
	}
}

// weighs tells a line that has allocated enough to be told, and on enough samples. The rest is many lines.
func (s *familyState) weighs(l *familyLine, h *Heap, whole float64) bool {
	grown := float64(l.grown[0])
	if grown <= 0 || grown < leastFamily*whole || isRest(&h.Families[l.given].SiteKey) {
		return false
	}
	return !(h.Rate.Value > 1) || grown/h.Rate.Value >= fewestOfLine
}

// rate is bytes a second of the window, or of the time since the line was first heard.
func (s *familyState) rate(l *familyLine) float64 {
	return float64(l.grown[0]) / (s.until - max(s.span.at[0], l.first))
}

// isRest tells the sum of all lines that have no name of their own. They change.
func isRest(key *SiteKey) bool { return key.Function == "other" && key.File == "" }

// derive adds the signals. They repeat until the next profile with lines, for a window at most.
func (s *familyState) derive(at uint64, r *Report) {
	for i := range s.families {
		if f := &s.families[i]; f.share.Known {
			r.addShare(Signal{Name: FamilyShare, Label: f.key.Class, At: at, Value: f.share.Value})
		}
	}
	for i := range s.told {
		r.add(Signal{Name: FamilyRate, Site: s.told[i].key, At: at, Value: s.told[i].value})
	}
	if s.samples > 0 && s.samples < goodOfLine {
		r.warn(FamilyRate, "few_samples", at, s.samples, goodOfLine)
	}
}
