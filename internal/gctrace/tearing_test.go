// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// writes is what Go 1.26 writes for a cycle, one element a write(2).
func writes(c *Cycle) []string {
	var tokens []string
	line := c.String() + "\n"
	for line != "" {
		n := 1
		switch {
		case line[0]-'0' <= 9:
			for n < len(line) && (line[n]-'0' <= 9 || line[n] == '.') {
				n++
			}
		case strings.HasPrefix(line, "%"):
		case strings.HasPrefix(line, leakCheck):
			n = len(leakCheck)
		case strings.HasPrefix(line, forced):
			n = len(forced)
		case strings.HasPrefix(line, " P"):
			n = len(" P")
		default:
			for n < len(line) && line[n]-'0' > 9 && line[n] != '\n' {
				n++
			}
		}
		tokens = append(tokens, line[:n])
		line = line[n:]
	}
	return tokens
}

func randomMS(r *rand.Rand) float64 {
	switch r.IntN(5) {
	case 0:
		return 0
	case 1:
		return float64(1+r.IntN(99)) / 1000
	case 2:
		return float64(10+r.IntN(90)) / 100
	case 3:
		return float64(10+r.IntN(90)) / 10
	}
	return float64(10 + r.IntN(400))
}

func randomCycle(r *rand.Rand, gc int64, at float64) Cycle {
	stacks, globals := r.Int64N(20), r.Int64N(20)
	return Cycle{
		GC: gc, At: at, Percent: r.IntN(101), Procs: 1 + r.IntN(64), Forced: r.IntN(10) == 0, LeakCheck: r.IntN(20) == 0,
		Clock:  Clock{SweepTerm: randomMS(r), Mark: randomMS(r), MarkTerm: randomMS(r)},
		CPU:    CPU{SweepTerm: randomMS(r), Assist: randomMS(r), Background: randomMS(r), Idle: randomMS(r), MarkTerm: randomMS(r)},
		Heap:   Heap{Start: r.Int64N(2000), End: r.Int64N(2000), Live: r.Int64N(2000)},
		GoalMB: r.Int64N(4000), StacksMB: &stacks, GlobalsMB: &globals, Absent: Go15,
	}
}

// torn writes cycles and lets, before each write, a log line in with probability p.
func torn(r *rand.Rand, cycles []Cycle, p float64, line logLine) []byte {
	var out bytes.Buffer
	seq := 0
	for i := range cycles {
		for _, token := range writes(&cycles[i]) {
			for r.Float64() < p {
				out.WriteString(line(r, seq))
				seq++
			}
			out.WriteString(token)
		}
	}
	return out.Bytes()
}

// wrong says which field of got contradicts the truth, "" if none does.
func wrong(got, truth *Cycle) string {
	g, want := *got, *truth
	for _, f := range []struct {
		field Field
		clear func(*Cycle)
	}{
		{FieldGC, func(c *Cycle) { c.GC = 0 }}, {FieldAt, func(c *Cycle) { c.At = 0 }},
		{FieldPercent, func(c *Cycle) { c.Percent = 0 }},
		{FieldClockSweepTerm, func(c *Cycle) { c.Clock.SweepTerm = 0 }}, {FieldClockMark, func(c *Cycle) { c.Clock.Mark = 0 }},
		{FieldClockMarkTerm, func(c *Cycle) { c.Clock.MarkTerm = 0 }}, {FieldCPUSweepTerm, func(c *Cycle) { c.CPU.SweepTerm = 0 }},
		{FieldCPUAssist, func(c *Cycle) { c.CPU.Assist = 0 }}, {FieldCPUBackground, func(c *Cycle) { c.CPU.Background = 0 }},
		{FieldCPUIdle, func(c *Cycle) { c.CPU.Idle = 0 }}, {FieldCPUMarkTerm, func(c *Cycle) { c.CPU.MarkTerm = 0 }},
		{FieldHeapStart, func(c *Cycle) { c.Heap.Start = 0 }}, {FieldHeapEnd, func(c *Cycle) { c.Heap.End = 0 }},
		{FieldHeapLive, func(c *Cycle) { c.Heap.Live = 0 }}, {FieldGoal, func(c *Cycle) { c.GoalMB = 0 }},
		{FieldStacks, func(c *Cycle) { c.StacksMB = nil }}, {FieldGlobals, func(c *Cycle) { c.GlobalsMB = nil }},
		{FieldProcs, func(c *Cycle) { c.Procs = 0 }}, {FieldForced, func(c *Cycle) { c.Forced = false }},
		{FieldLeakCheck, func(c *Cycle) { c.LeakCheck = false }},
	} {
		if g.Absent&f.field != 0 {
			f.clear(&g)
			f.clear(&want)
		}
	}
	g.Absent, want.Absent = 0, 0
	if g.String() != want.String() {
		return fmt.Sprintf("got  %v\nwant %v", got, truth)
	}
	return ""
}

type outcome struct{ intact, mended, ambiguous, bad, wrong int }

func simulate(t *testing.T, seed uint64, p float64, line logLine) outcome {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	cycles := make([]Cycle, 400)
	for i := range cycles {
		cycles[i] = randomCycle(r, int64(i+1), float64(i*17+r.IntN(17))/1000)
	}
	text := torn(r, cycles, p, line)
	truth := map[float64]*Cycle{}
	for i := range cycles {
		truth[cycles[i].At] = &cycles[i]
	}
	var o outcome
	s := NewScanner(bytes.NewReader(text), Settings{})
	for s.Scan() {
		c := s.Record().Cycle
		if c == nil {
			continue
		}
		want := truth[c.At]
		if !c.Has(FieldAt) {
			want = nil
		}
		for i := 0; want == nil && !c.Has(FieldAt) && i < len(cycles); i++ {
			if wrong(c, &cycles[i]) == "" {
				want = &cycles[i]
			}
		}
		if want == nil {
			t.Errorf("line %d: a cycle that never was: %v", c.Line, c)
			o.wrong++
		} else if w := wrong(c, want); w != "" {
			t.Errorf("line %d: %s", c.Line, w)
			o.wrong++
		}
	}
	n := s.Counts()
	o.intact, o.mended, o.ambiguous, o.bad = int(n.Intact), int(n.Mended), int(n.Ambiguous), int(n.Bad)
	return o
}

// rates are how often another thread writes between two tokens: now and then, at every second record, at nearly all.
var rates = []float64{0.001, 0.02, 0.1}

// TestTearing holds what is read out of a torn stream against what was written: nothing wrong, and of typical log lines
// at least 366 of 400 cycles whole.
func TestTearing(t *testing.T) {
	for name, line := range typical {
		t.Run(name, func(t *testing.T) {
			for _, p := range rates {
				o := simulate(t, 7, p, line)
				if whole := o.intact + o.mended; whole < 366 || o.wrong > 0 {
					t.Errorf("p=%v: %d of 400 cycles are whole, want at least 366: %+v", p, whole, o)
				}
			}
		})
	}
}

// TestHostileTearing has lines that can be mistaken for numbers: fewer cycles are whole, none is wrong.
func TestHostileTearing(t *testing.T) {
	for name, line := range hostile {
		t.Run(name, func(t *testing.T) {
			for _, p := range rates {
				o := simulate(t, 11, p, line)
				if o.intact+o.mended+o.ambiguous < 390 {
					t.Errorf("p=%v: hardly anything was read: %+v", p, o)
				}
			}
		})
	}
}

// TestMixedTearing lets every kind of line in, with other seeds.
func TestMixedTearing(t *testing.T) {
	var all []logLine
	for _, lines := range []map[string]logLine{typical, hostile} {
		for _, name := range slices.Sorted(maps.Keys(lines)) {
			all = append(all, lines[name])
		}
	}
	for seed := range uint64(5) {
		for _, p := range rates {
			o := simulate(t, seed, p, func(r *rand.Rand, n int) string { return all[r.IntN(len(all))](r, n) })
			if o.intact+o.mended+o.ambiguous < 380 {
				t.Errorf("seed %d, p=%v: hardly anything was read: %+v", seed, p, o)
			}
		}
	}
}

// TestFragments has a progress bar, which cannot be told from tokens. What it tears is lost, what it does not is read.
func TestFragments(t *testing.T) {
	for seed := range uint64(5) {
		o := simulate(t, seed, 0.01, func(r *rand.Rand, n int) string {
			if r.IntN(10) == 0 {
				return typical["log"](r, n)
			}
			return fmt.Sprintf("progress %d.", n)
		})
		if o.intact < 250 || o.bad < 50 {
			t.Errorf("seed %d: %+v", seed, o)
		}
	}
}

// TestTwoProcesses has two processes that now and then print their records at once, token by token.
func TestTwoProcesses(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 3))
		truth := map[float64]*Cycle{}
		var out bytes.Buffer
		for i := range 50 {
			a, b := randomCycle(r, int64(i+1), float64(i*10+1)/1000), randomCycle(r, int64(i+1)+int64(seed%3), float64(i*10+2)/1000)
			truth[a.At], truth[b.At] = &a, &b
			one, two := writes(&a), writes(&b)
			atOnce := r.IntN(5) == 0
			for len(one)+len(two) > 0 {
				if len(two) > 0 && (len(one) == 0 || atOnce && r.IntN(8) == 0) {
					one, two = two, one
				}
				out.WriteString(one[0])
				one = one[1:]
			}
		}
		s := NewScanner(&out, Settings{})
		for s.Scan() {
			if c := s.Record().Cycle; c != nil && (truth[c.At] == nil || wrong(c, truth[c.At]) != "") {
				t.Errorf("seed %d, line %d: %v", seed, c.Line, c)
			}
		}
		if n := s.Counts(); n.Intact < 60 {
			t.Errorf("seed %d: %+v", seed, n)
		}
	}
}
