// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"testing"
	"time"
)

const hours = 3600.0

// live lets a process live: the slope of its heap is heard once a minute up to an age in hours.
func live(w *Workload, to float64, slope func(age float64) float64) *Process {
	p := &Process{}
	began := time.Unix(start*3600, 0)
	for age := 60.0; age <= to*hours; age += 60 {
		got := p.Heard(began.Add(time.Duration(age)*time.Second), age)
		p.Slope(got, slope(got))
		p.Teach(w, got)
	}
	return p
}

func TestClimb(t *testing.T) {
	w := New(oneKind(6))
	warming := func(at float64) func(float64) float64 {
		return func(age float64) float64 { return at * math.Exp(-age/hours) }
	}
	live(w, 3.9, warming(1000)) // too young to teach
	if _, known, n := w.Climb(1800); known || n != 0 {
		t.Errorf("a process of 3.9 hours taught %d", n)
	}
	live(w, 5, warming(1000))
	live(w, 5, warming(1100))
	if upper, known, n := w.Climb(1.5 * hours); known || n != 2 || upper != 0 {
		t.Errorf("two processes: %v %v %d, want not known", upper, known, n)
	}
	live(w, 5, warming(900))
	for _, c := range []struct {
		age, least, most float64
		known            bool
	}{
		{0, 800, 1200, true}, {0.9 * hours, 400, 800, true}, {1.1 * hours, 400, 800, true}, // the first half of an age looks back
		{1.9 * hours, 200, 350, true}, {3.9 * hours, 40, 100, true},
		{4.1 * hours, 0, 0, false}, // nobody got to the end of that age
		{-1, 0, 0, false}, {math.NaN(), 0, 0, false}, {math.Inf(1), 0, 0, false},
	} {
		upper, known, n := w.Climb(c.age)
		if known != c.known || upper < c.least || upper > c.most || known && n != 3 {
			t.Errorf("age %v h: upper %v known %v of %d, want %v to %v, %v", c.age/hours, upper, known, n, c.least, c.most, c.known)
		}
	}
	for range 100 {
		live(w, 5, func(float64) float64 { return 10 })
	}
	if upper, known, n := w.Climb(1.9 * hours); upper != 10 || !known || n != processes {
		t.Errorf("a hundred later processes: %v %v %d, want 10 of %d", upper, known, n, processes)
	}
}

// TestTainted: a process that was flagged teaches nothing from then on.
func TestTainted(t *testing.T) {
	w := New(oneKind(6))
	p := live(w, 4.5, func(float64) float64 { return 5 })
	p.Taint()
	for age := 4.5 * hours; age < 9*hours; age += 60 {
		p.Slope(age, 1e6)
		if p.Teach(w, age) {
			t.Fatal("a tainted process taught")
		}
	}
	if w.ages.heard[bucketOf(5*hours)] != 0 || w.ages.heard[0] != 1 {
		t.Errorf("taught %v, want what was before the flag only", w.ages.heard)
	}
}

// TestSuccessor: a process under the name of another begins afresh, one whose age is not known is as old as it is heard.
func TestSuccessor(t *testing.T) {
	now := time.Unix(start*3600, 0)
	var p Process
	p.Heard(now, 5*hours)
	p.Taint()
	p.Slope(5*hours, 1)
	if p.Heard(now, 5*hours-59); !p.tainted {
		t.Error("a wobble of the start time is another process")
	}
	if p.Heard(now, 10); p.tainted || p.counts != [ageBuckets]uint16{} {
		t.Error("the successor was taken for its forerunner")
	}
	p = Process{}
	p.Heard(now, math.NaN())
	if age := p.Heard(now.Add(time.Minute), math.NaN()); age != 60 {
		t.Errorf("age %v, want 60", age)
	}
	if age := p.Heard(now.Add(-time.Hour), -5); age != 0 {
		t.Errorf("age %v after the clock was set back, want 0", age)
	}
}
