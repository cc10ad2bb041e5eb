// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import "testing"

func TestPause(t *testing.T) {
	m := &MemStats{NumGC: 300}
	for n := uint32(1); n <= 300; n++ { // as the runtime writes it: cycle n at (n+255)%256
		m.PauseNs[(n+255)%256], m.PauseEnd[(n+255)%256] = uint64(n), uint64(1000+n)
	}
	for _, test := range []struct {
		cycle   uint32
		ns, end uint64
		ok      bool
	}{
		{0, 0, 0, false}, {44, 0, 0, false}, {45, 45, 1045, true}, {299, 299, 1299, true}, {300, 300, 1300, true}, {301, 0, 0, false},
	} {
		if ns, end, ok := m.Pause(test.cycle); ns != test.ns || end != test.end || ok != test.ok {
			t.Errorf("cycle %d: got %d, %d, %v; want %d, %d, %v", test.cycle, ns, end, ok, test.ns, test.end, test.ok)
		}
	}
	for n, want := range map[uint32]uint64{0: 0, 1: 0, 2: 1001, 300: 1299} {
		early := MemStats{NumGC: n, PauseEnd: m.PauseEnd}
		if n == 2 {
			early.PauseEnd[0] = 1001
		}
		if got, ok := early.ObservedUntil(); got != want || ok != (want > 0) {
			t.Errorf("NumGC %d: observed until %d, %v; want %d", n, got, ok, want)
		}
	}
}

// TestMemStatsOfFixture reads every field of a real tail: none of them is zero in a process that ran GC, but Lookups.
func TestMemStatsOfFixture(t *testing.T) {
	m := parse(t, read(t, "testdata/go1.26/heap.txt")).MemStats
	for name, n := range map[string]uint64{
		"Alloc": m.Alloc, "TotalAlloc": m.TotalAlloc, "Sys": m.Sys, "Mallocs": m.Mallocs, "Frees": m.Frees, "HeapAlloc": m.HeapAlloc,
		"HeapSys": m.HeapSys, "HeapIdle": m.HeapIdle, "HeapInuse": m.HeapInuse, "HeapReleased": m.HeapReleased, "HeapObjects": m.HeapObjects,
		"StackInuse": m.StackInuse, "StackSys": m.StackSys, "MSpanInuse": m.MSpanInuse, "MSpanSys": m.MSpanSys, "MCacheInuse": m.MCacheInuse,
		"MCacheSys": m.MCacheSys, "BuckHashSys": m.BuckHashSys, "GCSys": m.GCSys, "OtherSys": m.OtherSys, "NextGC": m.NextGC, "LastGC": m.LastGC,
		"PauseNs": m.PauseNs[0], "PauseEnd": m.PauseEnd[0], "NumGC": uint64(m.NumGC), "NumForcedGC": uint64(m.NumForcedGC), "MaxRSS": m.MaxRSS,
	} {
		if n == 0 {
			t.Errorf("%s is 0", name)
		}
	}
	if _, end, ok := m.Pause(m.NumGC); !ok || end != m.LastGC {
		t.Errorf("the last pause ended at %d, want LastGC %d", end, m.LastGC)
	}
	if m.GCCPUFraction <= 0 || m.GCCPUFraction > 1 {
		t.Errorf("GCCPUFraction is %g", m.GCCPUFraction)
	}
}
