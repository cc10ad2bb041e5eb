// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import "math"

const (
	// fewestDays stand for an hour of the day, fewestHours for any hour.
	fewestDays, fewestHours = 5, 24
	// weekOfDays must stand for an hour of the day before a claim is made.
	weekOfDays = 7

	relativeFloor = 0.05 // of what is expected
)

// Basis is what stands for the hour.
type Basis uint8

const (
	None       Basis = iota // too little is known
	AllHours                // the hour has no day to go by
	HourOfDay               // the same hour of other days
	HourOfWeek              // as it should be
)

// Expectation is what is usual at one hour.
type Expectation struct {
	Basis     Basis
	Expected  float64
	Low, High float64 // the band that is usual
	Scale     float64 // one robust standard deviation, positive
	Samples   int     // hours of the past that it stands on
	Weeks     int     // in which this hour of the week was heard
	Needed    int     // such weeks that HourOfWeek wants
	// Claim allows to call something unusual: the hour was heard in weeks enough, or the hour of the day on seven
	// days and this hour of the week at least once.
	Claim bool
}

// Deviation is how many scales v is outside of the band, negative below it.
func (e *Expectation) Deviation(v float64) float64 {
	switch {
	case e.Basis == None:
		return 0
	case v > e.High:
		return (v - e.High) / e.Scale
	case v < e.Low:
		return (v - e.Low) / e.Scale
	}
	return 0
}

// Expect is what is usual for a kind at an hour. It is worked out once an hour.
func (w *Workload) Expect(kind int, hour int64) Expectation {
	s := w.series[kind]
	if s == nil || !plausible(hour) {
		return Expectation{Needed: w.set.MinSamples}
	}
	if s.hour != hour {
		s.expected, s.hour = w.expect(s, &w.set.Kinds[kind], hour), hour
	}
	return s.expected
}

func (w *Workload) expect(s *series, kind *Kind, hour int64) Expectation {
	e := Expectation{Needed: w.set.MinSamples}
	l := w.levels(s, kind, hour)
	e.Expected, e.Weeks = w.season(s, kind, hour, &l)
	if e.Weeks >= w.set.MinSamples {
		if off, ok := w.misses(s, kind, hour, &l); ok {
			e.Basis, e.Samples, e.Claim = HourOfWeek, e.Weeks, true
			e.Scale = w.scale(s, kind, hour, e.Expected, off*kind.unit(e.Expected))
		}
	}
	switch {
	case e.Basis == HourOfWeek:
	case w.pooled(s, kind, hour, 24, fewestDays, &e):
		e.Basis, e.Claim = HourOfDay, e.Samples >= weekOfDays && e.Weeks > 0
	case w.pooled(s, kind, hour, 1, fewestHours, &e):
		e.Basis = AllHours
	default:
		return e
	}
	e.Low, e.High = e.Expected, e.Expected
	w.widen(s, kind, hour, &l, &e) // a day that differs every week is no surprise the second time
	return e
}

// season is the median of an hour of the week over the weeks before, moved to the present level, and of how many.
func (w *Workload) season(s *series, kind *Kind, hour int64, l *levels) (middle float64, weeks int) {
	var all [maxWeeks]float64
	for k := 1; k <= w.set.Weeks; k++ {
		if v, ok := w.at(s, hour-int64(k)*slots); ok {
			all[weeks] = l.move(kind, k, v)
			weeks++
		}
	}
	return median(all[:weeks]), weeks
}

// widen adds the hour, the hour before and the one after to the band, as they were and moved to the level. Summer time moves a day
// by one hour, and a rise that comes some minutes early is not unusual; nor is what comes back after a week of holidays.
func (w *Workload) widen(s *series, kind *Kind, hour int64, l *levels, e *Expectation) {
	for near := hour - 1; near <= hour+1; near++ {
		for _, level := range []*levels{{}, l} {
			if season, weeks := w.season(s, kind, near, level); weeks > 0 {
				e.Low, e.High = min(e.Low, season), max(e.High, season)
			}
		}
	}
}

// scale joins how far misses go, in the unit of the number, with the spread within the hour.
func (w *Workload) scale(s *series, kind *Kind, hour int64, expected, off float64) float64 {
	within := w.spread(s, hour) * kind.unit(expected)
	return max(math.Hypot(off, within), relativeFloor*math.Abs(expected), kind.Floor)
}

// spread within the hour: the median of what is known of this hour of the week and its neighbours, else of the same hour of
// all days, else of all hours.
func (w *Workload) spread(s *series, hour int64) float64 {
	var all [slots]float64
	n := 0
	take := func(slot int64) {
		if v := s.spreads[slot%slots]; v.known() {
			all[n] = v.value()
			n++
		}
	}
	for near := hour - 1; near <= hour+1; near++ {
		take(near)
	}
	for _, step := range []int64{24, 1} {
		if n > 0 {
			break
		}
		for slot := hour % step; slot < slots; slot += step {
			take(slot)
		}
	}
	if n == 0 {
		return 0
	}
	return median(all[:n])
}

// pooled takes what is remembered of every step-th hour, today excepted, as one.
func (w *Workload) pooled(s *series, kind *Kind, hour, step int64, fewest int, e *Expectation) bool {
	var all [slots * maxWeeks]float64
	n := 0
	for slot := hour % step; slot < slots; slot += step {
		for k := range int64(w.set.Weeks) {
			then := (int64(w.latest[slot])-k)*slots + slot
			if then > hour-12 {
				continue
			}
			if v, ok := w.at(s, then); ok {
				all[n] = v
				n++
			}
		}
	}
	e.Samples = n
	if n < fewest {
		return false
	}
	e.Expected = median(all[:n])
	e.Scale = w.scale(s, kind, hour, e.Expected, toSigma*mad(all[:n], e.Expected))
	return true
}
