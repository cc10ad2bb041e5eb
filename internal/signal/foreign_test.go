// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"slices"
	"testing"
)

// Of a process that only its profiles tell of, a map that grows is judged with a warning, and what only the process could
// tell is absent: no cycles, no states, and no number of map sites by which a gate could pass.
func TestForeignProfiles(t *testing.T) {
	var target Target
	var r Report
	heard := map[Name]bool{}
	for i := range 30 {
		at := uint64(epoch+30*i) * 1e9
		grown := float64(i+1) * 20e6
		r.Reset()
		target.Observe(Observation{LowConfidence: true, Heap: &Heap{
			At: at, ObservedUntil: Of(seconds(at)), Profile: true, ProfileAlloc: Of(grown), Inuse: Of(grown), Rate: Of(512 << 10),
			Sites: []Site{{SiteKey: SiteKey{"main.put", "cache.go", 7, "map_grow"}, Allocated: Of(grown), Inuse: Of(grown / 2), Samples: Of(40 * float64(i+1)), StdErr: Of(1e6)}},
		}}, settings, &r)
		for _, n := range r.Notes {
			t.Fatalf("%+v at observation %d", n, i)
		}
		for _, s := range r.Signals {
			heard[s.Name] = true
		}
	}
	for _, n := range []Name{GrowthRate, MapVerdict, AllocationRate, HeapLive} {
		if !heard[n] {
			t.Errorf("%s was never said", n)
		}
	}
	for _, n := range []Name{Sites, Cycles, CycleRate, GCState, GCCPUShare, PauseP99, NextCycle, Turnover, ObjectRate} {
		if heard[n] {
			t.Errorf("%s was made up", n)
		}
	}
	if !slices.ContainsFunc(r.Signals, func(s Signal) bool { return s.Name == Warning && s.Of == MapVerdict && s.Label == "low_confidence" }) {
		t.Error("the verdict on the map carries no warning")
	}

	// The same profile again was published by no new GC: the growth is repeated, not diluted.
	var before, after float64
	rate := func() (v float64) {
		for _, s := range r.Signals {
			if s.Name == GrowthRate {
				v = s.Value
			}
		}
		return v
	}
	before = rate()
	at := uint64(epoch+30*30) * 1e9
	r.Reset()
	target.Observe(Observation{LowConfidence: true, Heap: &Heap{At: at, ObservedUntil: Of(seconds(at)), Profile: true, ProfileAlloc: Of(600e6), Inuse: Of(600e6)}}, settings, &r)
	if after = rate(); before == 0 || after != before {
		t.Errorf("the growth rate was %g and is %g, though nothing new was seen", before, after)
	}
}
