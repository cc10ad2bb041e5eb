// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

// Settings of all workloads.
type Settings struct {
	Weeks      int // that an hour of the week is remembered for, 2 to 8
	MinSamples int // weeks that an hour of the week needs to stand for itself, 2 to Weeks
	Kinds      []Kind
}

// Workload is what is remembered of one workload: its kinds by hour of the week, and its processes' climb by age.
type Workload struct {
	set    *Settings
	series []*series     // by kind; nil until it is heard
	latest [slots]uint16 // week of the newest median of a slot, 0 if there is none
	open   int64         // the hour that has not ended, -1 if there is none
	ended  int           // hours learned, in this run or before
	ages   ages
	seed   uint32
}

// New remembers nothing yet.
func New(set *Settings) *Workload {
	w := &Workload{set: set, series: make([]*series, len(set.Kinds)), open: -1, seed: 2463534242}
	w.ages.clear()
	return w
}

// plausible bounds hours to what a week's number has room for: 1970 to 3200.
func plausible(hour int64) bool { return hour >= slots && hour < slots*(1<<16-1) }

// Begin ends the hour before, if there is one, and says whether that taught anything. A clock that was set back by more
// than an hour takes the open hour with it: what was heard in it was of another time.
func (w *Workload) Begin(hour int64) (learned bool) {
	switch {
	case !plausible(hour) || hour == w.open || hour == w.open-1:
		return false
	case hour < w.open:
		for _, s := range w.series {
			if s != nil {
				s.heard, s.hour = 0, -1
			}
		}
	case w.open >= 0:
		learned = w.end()
	}
	w.open = hour
	return learned
}

// Elapse begins an hour if that ends another one, and says whether that taught anything.
func (w *Workload) Elapse(hour int64) (learned bool) {
	return w.open >= 0 && w.open < hour && w.Begin(hour)
}

// Learn adds a point of a kind to the hour that was begun. A number that the kind cannot have is ignored.
func (w *Workload) Learn(kind int, hour int64, value float64) {
	if hour != w.open || hour < 0 || !w.set.Kinds[kind].accepts(value) {
		return
	}
	s := w.series[kind]
	if s == nil {
		s = newSeries(w.set.Weeks)
		w.series[kind] = s
	}
	s.add(value, w.random)
}

// end makes the open hour a median of each kind that was heard in it. An hour of silence changes nothing.
func (w *Workload) end() (learned bool) {
	for _, s := range w.series {
		learned = learned || s != nil && s.heard >= fewest
	}
	slot, week := int(w.open%slots), w.open/slots
	if learned {
		w.turn(slot, week)
		w.ended++
	}
	for i, s := range w.series {
		if s != nil {
			s.end(&w.set.Kinds[i], slot, slot*w.set.Weeks+int(week)%w.set.Weeks)
		}
	}
	return learned
}

// turn forgets what the slot had in the weeks that were skipped, and in this one. Weeks from the future are of a clock that was
// wrong: with them the slot begins afresh.
func (w *Workload) turn(slot int, week int64) {
	weeks, last := int64(w.set.Weeks), int64(w.latest[slot])
	from := last + 1
	if last >= week || week-last > weeks {
		from = week - weeks + 1
	}
	if last == week {
		from = week
	}
	for _, s := range w.series {
		if s == nil {
			continue
		}
		for k := from; k <= week; k++ {
			s.medians[slot*w.set.Weeks+int(k%weeks)] = absent
		}
	}
	w.latest[slot] = uint16(week)
}

// at is the median of an hour, if it is remembered.
func (w *Workload) at(s *series, hour int64) (float64, bool) {
	if hour < slots {
		return 0, false
	}
	slot, week := hour%slots, hour/slots
	if latest := int64(w.latest[slot]); week > latest || week <= latest-int64(w.set.Weeks) {
		return 0, false
	}
	m := s.medians[int(slot)*w.set.Weeks+int(week)%w.set.Weeks]
	return m.value(), m.known()
}

// newest is the last hour that was learned of anything, -1 if there is none.
func (w *Workload) newest() int64 {
	newest := int64(-1)
	for slot, week := range w.latest {
		if week > 0 {
			newest = max(newest, int64(week)*slots+int64(slot))
		}
	}
	return newest
}

// random is xorshift: good enough to thin points, and the same in every run.
func (w *Workload) random() uint32 {
	w.seed ^= w.seed << 13
	w.seed ^= w.seed >> 17
	w.seed ^= w.seed << 5
	return w.seed
}
