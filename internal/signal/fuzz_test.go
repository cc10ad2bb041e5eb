// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// FuzzObserve: whatever comes in, no signal is NaN or infinite, none is negative but a falling map's doublings, no share is above
// 1, intervals are in order, and a refused observation leaves the state as it was.
func FuzzObserve(f *testing.F) {
	f.Add(uint64(1), []byte{})
	f.Add(uint64(2), []byte("\x03\x7f\xf8\x00\x00\x00\x00\x00\x00\x10\xff\xf0\x00\x00\x00\x00\x00\x00"))
	f.Add(uint64(3), []byte("\x05\x7f\xef\xff\xff\xff\xff\xff\xff\x20\x80\x00\x00\x00\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, seed uint64, broken []byte) {
		observations := life(rand.New(rand.NewPCG(seed, 6)), 20, 3)
		// nine bytes break one number: which, and what it is now
		for ; len(broken) >= 9; broken = broken[9:] {
			which := int(broken[0])
			o := observations[which%20]
			h, s, tr := o.Heap, &o.Heap.Sites[0], o.Trace
			all := []*Number{
				&h.Cycles, &h.Allocated, &h.ObservedUntil, &h.LastGC, &h.ProcessStart, &h.CPUFraction, &h.PauseMax, &h.Inuse,
				&s.Allocated, &s.Inuse, &s.Samples, &s.StdErr, &tr.Cycles, &tr.Elapsed, &tr.CPU, &tr.Procs, &tr.OverGoal, &tr.Live,
			}
			*all[which%len(all)] = Of(math.Float64frombits(binary.BigEndian.Uint64(broken[1:])))
		}
		var target Target
		for _, o := range observations {
			var r Report
			target.Observe(o, Settings{time.Minute, 4, 2}, &r)
			checkSignals(t, r.Signals)
			for _, n := range r.Notes {
				if n.N < 1 || n.Reason == "" {
					t.Fatalf("note without a number or a reason: %+v", n)
				}
			}
		}
	})
}

func checkSignals(t *testing.T, signals []Signal) {
	t.Helper()
	rate := map[*SiteKey]float64{}
	for _, s := range signals {
		if !finite(s.Value) || s.Value < 0 && s.Name != Doublings {
			t.Fatalf("%v is %v", s.Name, s.Value)
		}
		switch s.Name {
		case GCCPUShare, LimitPressure, RetainedShare:
			if s.Value > 1 {
				t.Fatalf("%v is %v, want at most 1", s.Name, s.Value)
			}
		case GrowthRate:
			rate[s.Site] = s.Value
		case GrowthRateLower:
			if r, ok := rate[s.Site]; ok && s.Value > r {
				t.Fatalf("lower end %v above the rate %v", s.Value, r)
			}
		case GrowthRateUpper:
			if r, ok := rate[s.Site]; ok && s.Value < r {
				t.Fatalf("upper end %v below the rate %v", s.Value, r)
			}
		}
	}
}
