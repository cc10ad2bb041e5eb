// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// monday is the first hour of a simulation, a Monday at 0:00 UTC.
var monday = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// service is a simulated workload whose number is heard once a minute from each pod: a daily and weekly load with slow noise that
// all pods share, a lasting offset and faster noise of each pod, and bursts, averaged over ten minutes as the signals are.
type service struct {
	rng     *rand.Rand
	level   float64
	jitter  float64 // standard deviation of the load from what the clock says
	drift   float64
	offsets []float64
	slow    []float64
	window  [][10]float64
}

func newService(seed uint64, pods int) *service {
	s := &service{
		rng: rand.New(rand.NewPCG(seed, 1)), level: 0.06, jitter: 0.05,
		offsets: make([]float64, pods), slow: make([]float64, pods), window: make([][10]float64, pods),
	}
	for pod := range pods {
		s.offsets[pod] = math.Exp(0.05 * s.rng.NormFloat64())
		for range 10 {
			s.point(pod, monday)
		}
	}
	return s
}

// load is 1 on average of a working day: half at night, half at the weekend.
func load(t time.Time) float64 {
	day := 1 - 0.5*math.Cos(2*math.Pi*(float64(t.Hour())+float64(t.Minute())/60-3)/24)
	if d := t.Weekday(); d == time.Saturday || d == time.Sunday {
		return 0.5 * day
	}
	return day
}

func (s *service) ar(state *float64, phi float64) float64 {
	*state = phi**state + math.Sqrt(1-phi*phi)*s.rng.NormFloat64()
	return *state
}

func (s *service) point(pod int, t time.Time) float64 {
	if pod == 0 {
		s.ar(&s.drift, 0.998) // a correlation time of eight hours
	}
	v := s.level * load(t) * s.offsets[pod] * math.Exp(0.08*s.ar(&s.slow[pod], 0.95)+s.jitter*s.drift)
	if s.rng.Float64() < 0.02 {
		v *= 1 + s.rng.ExpFloat64()
	}
	w := &s.window[pod]
	copy(w[:], w[1:])
	w[9] = v
	sum := 0.0
	for _, v := range w {
		sum += v
	}
	return sum / 10
}

// share is the one kind that is simulated.
var share = Settings{Weeks: 6, MinSamples: 3, Kinds: []Kind{{Name: "share", Floor: 0.005}}}

// rates are how many points of a stretch of time were judged, and how many of them were unusual.
type rates struct{ judged, unusual int }

func (r *rates) add(o rates) { r.judged, r.unusual = r.judged+o.judged, r.unusual+o.unusual }

func (r *rates) percent() float64 { return 100 * float64(r.unusual) / float64(max(r.judged, 1)) }

// heardBy is a service and what learns from it.
type heardBy struct {
	*service
	w      *Workload
	alarms []Alarm
	limits Limits
}

func hear(seed uint64, threshold, jitter float64) *heardBy {
	pods := 1 + 3*int(seed%2)
	h := &heardBy{newService(seed, pods), New(&share), make([]Alarm, pods), standard}
	h.jitter, h.limits.Threshold = jitter, threshold
	return h
}

// play lets it be heard from one hour to another, counted from monday.
func (h *heardBy) play(from, to int) (r rates) {
	for minute := from * 60; minute < to*60; minute++ {
		t := monday.Add(time.Duration(minute) * time.Minute)
		hour := HourOf(t)
		h.w.Begin(hour)
		for pod := range h.offsets {
			v := h.point(pod, t)
			e := h.w.Expect(0, hour)
			h.w.Learn(0, hour, v)
			if e.Claim {
				r.judged++
				if h.alarms[pod].Judge(t, e.Deviation(v), h.limits) {
					r.unusual++
				}
			}
		}
	}
	return r
}

var standard = Limits{Threshold: 6, RaiseAfter: 10 * time.Minute, ClearAfter: 15 * time.Minute}

// TestErrorRates plays months of a service with a bad day, a release that doubles the level for good and one that brings it back,
// and counts errors: of the good weeks less than 0.1 % of the points may be unusual; a doubling must be found within an hour and be
// usual after two and a half days. It prints the table that ADR 14 shows.
func TestErrorRates(t *testing.T) {
	const day, week = 24, 168
	const shifted = 10 // hour of a Monday at which a release comes
	seeds := uint64(6)
	if testing.Short() {
		seeds = 2
	}
	for _, c := range []struct {
		threshold, jitter float64
		sure              bool // that a doubling is found
	}{{4, 0.05, true}, {6, 0.05, true}, {10, 0.05, false}, {4, 0.1, false}, {6, 0.1, false}, {10, 0.1, false}} {
		var good, after, back rates
		found, learned := 0, 0
		for seed := range seeds {
			h := hear(seed, c.threshold, c.jitter)
			good.add(h.play(0, 4*week))
			h.level *= 3
			if r := h.play(4*week, 4*week+day); c.sure && r.unusual == 0 {
				t.Errorf("threshold %v seed %d: nothing unusual on the bad day", c.threshold, seed)
			}
			h.level /= 3
			h.play(4*week+day, 4*week+day+1) // it takes a window and clear_after to be quiet
			good.add(h.play(4*week+day+1, 6*week+shifted))
			h.level *= 2
			for hour := range week - shifted {
				r := h.play(6*week+shifted+hour, 6*week+shifted+hour+1)
				switch {
				case hour == 0 && r.unusual > 0:
					found++
				case hour > 60+2:
					after.add(r)
				case r.unusual > 0:
					learned = max(learned, hour+1)
				}
			}
			after.add(h.play(7*week, 14*week))
			h.level /= 2
			back.add(h.play(14*week, 20*week))
		}
		t.Logf("threshold %4v load jitter %.2f: unusual %.4f %% of the good weeks, %.4f %% after the release was learned, %.4f %% after it was taken back; found within an hour %d of %d, learned after %d h",
			c.threshold, c.jitter, good.percent(), after.percent(), back.percent(), found, seeds, learned)
		if good.percent() > 0.1 || after.percent() > 0.1 || back.percent() > 0.1 {
			t.Errorf("threshold %v jitter %v: more than 0.1 %% of what is usual is called unusual", c.threshold, c.jitter)
		}
		if c.sure && found < int(seeds) {
			t.Errorf("threshold %v jitter %v: a doubling was found within an hour %d times of %d", c.threshold, c.jitter, found, seeds)
		}
	}
}
