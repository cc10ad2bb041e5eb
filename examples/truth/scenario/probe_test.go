// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
	"time"
)

// TestProbeKnowsEachByte holds the probe to MemStats, while nothing else allocates.
func TestProbeKnowsEachByte(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	keys := make([]string, 50000)
	for i := range keys {
		keys[i] = strconv.Itoa(i)
	}
	for name, fill := range map[string]func(*site) func(){
		"int64": func(s *site) func() {
			m := map[int64]int64{}
			p := newProbe(m, s)
			return func() {
				for k := range int64(100000) {
					putInt64(m, p, k)
				}
			}
		},
		"string": func(s *site) func() {
			m := map[string]int{}
			p := newProbe(m, s)
			return func() {
				for i, k := range keys {
					putString(m, p, k, i)
				}
			}
		},
		"pointers": func(s *site) func() {
			m := map[int64][]byte{}
			p := newProbe(m, s)
			return func() {
				for k := range int64(20000) {
					putBytes(m, p, k, nil)
				}
			}
		},
		"struct": func(s *site) func() {
			m := map[uint32]order{}
			p := newProbe(m, s)
			return func() {
				for k := range uint32(50000) {
					putStruct(m, p, k, order{})
				}
			}
		},
		"deleted": func(s *site) func() {
			m := map[int64][4]int64{}
			p := newProbe(m, s)
			return func() {
				for k := range int64(50000) {
					putChurn(m, p, k)
					delete(m, k-1000)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			const others = 2 << 10 // goroutines of the test; now and then one allocates more meanwhile, but not each time
			for attempt := 1; ; attempt++ {
				s := &site{number: mostSites - 1}
				run := fill(s)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				run()
				runtime.ReadMemStats(&after)
				all := int64(after.TotalAlloc - before.TotalAlloc)
				if s.total <= all && s.total >= all-others {
					return
				}
				if s.total > all || attempt == 5 {
					t.Fatalf("the probe counts %d bytes of %d", s.total, all)
				}
			}
		})
	}
}

// TestPointsAreThinned fills a site's room, and nothing of the sum is lost.
func TestPointsAreThinned(t *testing.T) {
	s := newSite("thin", "f", "c")
	for range 3 * mostPoints {
		s.add(1, time.Now().UnixNano())
	}
	points := counts.points[s.number][:s.used]
	if s.used > mostPoints || s.resolution == 0 || points[len(points)-1].Bytes != 3*mostPoints {
		t.Errorf("%d points at a resolution of %d ns end with %d bytes", s.used, s.resolution, points[len(points)-1].Bytes)
	}
	for i := 1; i < len(points); i++ {
		if d := points[i].Bytes - points[i-1].Bytes; points[i].At < points[i-1].At || d <= 0 || d > mostPoints/8 {
			t.Fatalf("point %d: %v after %v", i, points[i], points[i-1])
		}
	}
}
