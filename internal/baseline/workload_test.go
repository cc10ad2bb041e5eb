// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"math/rand/v2"
	"testing"
)

func oneKind(weeks int) *Settings {
	return &Settings{Weeks: weeks, MinSamples: 3, Kinds: []Kind{{Name: "share", Floor: 0.01}}}
}

// TestHostile: what is no number of the kind is not learned, and hours outside of all years change nothing.
func TestHostile(t *testing.T) {
	w := New(oneKind(6))
	for _, hour := range []int64{math.MinInt64, -1, 0, slots - 1, slots * 65535, math.MaxInt64} {
		if w.Begin(hour) || w.open != -1 {
			t.Errorf("hour %d was begun", hour)
		}
		w.Learn(0, hour, 1)
		if e := w.Expect(0, hour); e.Basis != None {
			t.Errorf("hour %d: %+v", hour, e)
		}
	}
	w.Begin(start)
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 1e300} {
		w.Learn(0, start, v)
	}
	w.Learn(0, start-1, 1)
	w.Learn(0, start+1, 1)
	if w.series[0] != nil {
		t.Errorf("%d points were learned", w.series[0].heard)
	}
}

// TestThinned: of a thousand points 64 are kept, and their median is that of all.
func TestThinned(t *testing.T) {
	w := New(oneKind(6))
	rng := rand.New(rand.NewPCG(1, 1))
	w.Begin(start)
	for range 1000 {
		w.Learn(0, start, 10+rng.NormFloat64())
	}
	w.Begin(start + 1)
	m, ok := w.at(w.series[0], start)
	if !ok || math.Abs(m-10) > 0.4 {
		t.Errorf("median %v, want 10 within 0.4", m)
	}
	if s := w.series[0].spreads[start%slots].value() * m; s < 0.7 || s > 1.4 {
		t.Errorf("spread %v, want 1", s)
	}
}

// TestEven: the 64 are of the whole hour, not of its end.
func TestEven(t *testing.T) {
	w := New(oneKind(6))
	w.Begin(start)
	for i := range 2000 {
		w.Learn(0, start, float64(i))
	}
	w.Begin(start + 1)
	if m, _ := w.at(w.series[0], start); m < 700 || m > 1300 {
		t.Errorf("median %v of what rises from 0 to 2000, want about 1000", m)
	}
}

// TestFewest: two points are no hour, three are one.
func TestFewest(t *testing.T) {
	w := New(oneKind(6))
	for points := range 4 {
		hour := int64(start + points)
		w.Begin(hour)
		for range points {
			w.Learn(0, hour, 1)
		}
		learned := w.Elapse(hour + 1)
		if learned != (points >= 3) {
			t.Errorf("%d points: learned %v", points, learned)
		}
	}
	if w.ended != 1 || w.newest() != start+3 {
		t.Errorf("%d hours up to %d, want 1 up to %d", w.ended, w.newest(), start+3)
	}
}

// TestMinority: a tenth of the targets that differs for good, such as the leader, is part of what is usual.
func TestMinority(t *testing.T) {
	w := New(oneKind(6))
	for hour := int64(start); hour < start+4*slots; hour++ {
		w.Begin(hour)
		for i := range 60 {
			v := 1.0
			if i%10 == 0 {
				v = 3
			}
			w.Learn(0, hour, v)
		}
	}
	e := w.Expect(0, start+4*slots)
	if d := e.Deviation(3); d > 3 || d <= 0 {
		t.Errorf("the leader deviates by %v, want something below 3", d)
	}
}

// TestLate: points of the hour that has just ended, and a second end of it, do not change it.
func TestLate(t *testing.T) {
	w := New(oneKind(6))
	hearHour(w, start, 5, 0)
	if !w.Elapse(start+1) || w.Elapse(start+1) {
		t.Fatal("the hour must end once")
	}
	for range 10 {
		w.Begin(start)
		w.Learn(0, start, 900)
	}
	w.Begin(start + 2)
	if m, _ := w.at(w.series[0], start); m != 5 {
		t.Errorf("median %v, want 5", m)
	}
}
