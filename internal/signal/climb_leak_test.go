// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// TestJudgeLeak: each condition of L9 alone keeps a leak from being claimed.
func TestJudgeLeak(t *testing.T) {
	// 1000 bytes alive, 1 byte a second for certain, the limit 10000 bytes above: a leak of a known workload
	sure := func() *climbState {
		return &climbState{warm: true, containerLimit: Of(11000), fit: fit{
			ok: true, slope: 1, lower: 0.5, upper: 1.5, level: 1000, later: 1, window: claimAfter, coverage: 1, effective: 6,
		}}
	}
	for _, c := range []struct {
		what            string
		change          func(s *climbState)
		peers           Number
		verdict, reason string
	}{
		{"as it is", func(*climbState) {}, Of(0.9), "leak", "steeper_than_usual"},
		{"in the warm-up", func(s *climbState) { s.warm = false }, Of(0.9), "unknown", "warm_up"},
		{"no line", func(s *climbState) { s.fit.ok = false }, Of(0.9), "unknown", "short_window"},
		{"a second short", func(s *climbState) { s.fit.window-- }, Of(0.9), "unknown", "short_window"},
		{"a hole", func(s *climbState) { s.fit.coverage = 0.79 }, Of(0.9), "unknown", "gap"},
		{"it may fall", func(s *climbState) { s.fit.lower = 0 }, Of(0.9), "unknown", "wide_interval"},
		{"it may fall, and rises in no case too fast", func(s *climbState) { s.fit.lower, s.fit.upper = 0, 0.11 }, Of(0.9), "none", "flat"},
		{"it falls", func(s *climbState) { s.fit.slope, s.fit.lower, s.fit.upper = -1, -2, -0.1 }, Of(0.9), "none", "flat"},
		{"24 h to the limit", func(s *climbState) { s.containerLimit = Of(1000 + 86400) }, Of(0.9), "none", "far_from_limit"},
		{"a second less", func(s *climbState) { s.containerLimit = Of(1000 + 86399) }, Of(0.9), "leak", "steeper_than_usual"},
		{"the nearer limit counts", func(s *climbState) { s.containerLimit, s.heapLimit = Of(1e9), Of(2000) }, Of(0.9), "leak", "steeper_than_usual"},
		{"no limit: doubles in 1000 s", func(s *climbState) { s.containerLimit = Number{} }, Of(0.9), "leak", "steeper_than_usual"},
		{"no limit: doubles in 24 h", func(s *climbState) { s.containerLimit, s.fit.level = Number{}, 86400 }, Of(0.9), "none", "far_from_limit"},
		{"a step", func(s *climbState) { s.fit.later = 0.24 }, Of(0.9), "unknown", "stepped"},
		{"usual", func(*climbState) {}, Of(1), "none", "usual_at_this_age"},
		{"nobody knows what is usual", func(*climbState) {}, Number{}, "unknown", "no_baseline"},
		{"what is usual is no number", func(*climbState) {}, Of(math.NaN()), "unknown", "no_baseline"},
		{"nobody knows, four hours", func(s *climbState) { s.fit.window = aloneAfter }, Number{}, "leak", "no_baseline"},
	} {
		s := sure()
		c.change(s)
		if verdict, reason := s.judgeLeak(AgeSlope{Upper: c.peers}); verdict != c.verdict || reason != c.reason {
			t.Errorf("%s: got %s (%s), want %s (%s)", c.what, verdict, reason, c.verdict, c.reason)
		}
	}
}

// TestBatchesBounds: a year of values, with holes and in bursts, stays within 60 batches and a day.
func TestBatchesBounds(t *testing.T) {
	var b batches
	at := 0.0
	for i := range 200_000 {
		switch i % 1000 {
		case 500:
			at += 5 * 3600
		case 700:
			at += 0.01
		default:
			at += 155
		}
		b.add(at, float64(i))
		if len(b.held) > mostBatches || cap(b.held) > 128 {
			t.Fatalf("value %d: %d batches in room for %d, want at most %d", i, len(b.held), cap(b.held), mostBatches)
		}
		if w := b.window(); w > longestClimb+b.length || w < 0 {
			t.Fatalf("value %d: a window of %v s, want at most %d and a batch", i, w, longestClimb)
		}
		for j := 1; j < len(b.held); j++ {
			if b.held[j].index <= b.held[j-1].index || b.held[j].mean() <= b.held[j-1].mean() {
				t.Fatalf("value %d: batches out of order", i)
			}
		}
	}
	if bytes := uintptr(cap(b.held)) * unsafe.Sizeof(batch{}); bytes > 4096 {
		t.Errorf("the batches take %d bytes, want at most 4096", bytes)
	}
}

// TestDoubling: batches that were made twice as long are those that values of twice the length would have filled.
func TestDoubling(t *testing.T) {
	var b batches
	for i := range 70 {
		b.add(1000+float64(i)*firstBatch, float64(i))
	}
	if b.length != 2*firstBatch || len(b.held) != 35 {
		t.Fatalf("got %d batches of %v s, want 35 of %d", len(b.held), b.length, 2*firstBatch)
	}
	for i, p := range b.held {
		if p.n != 2 || p.sum != float64(4*i+1) || p.mean() != (float64(2*i)+0.5)*firstBatch {
			t.Errorf("batch %d: %+v, want the values %d and %d", i, p, 2*i, 2*i+1)
		}
	}
}

// TestCorrelationTime of an alternating series is 1, of runs of ten equal values about ten.
func TestCorrelationTime(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 43))
	var alternating, runs [2000]float64
	for i := range alternating {
		alternating[i] = float64(1 - 2*(i%2))
		if runs[i] = float64(1 - 2*rng.IntN(2)); i%10 > 0 {
			runs[i] = runs[i-1]
		}
	}
	if tau := correlationTime(alternating[:]); tau != 1 {
		t.Errorf("alternating: %v, want 1", tau)
	}
	if tau := correlationTime(runs[:]); tau < 5 || tau > 20 {
		t.Errorf("runs of ten: %v, want about 10", tau)
	}
	if tau := correlationTime(make([]float64, 20)); tau != 1 {
		t.Errorf("constant: %v, want 1", tau)
	}
}
