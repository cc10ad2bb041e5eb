// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

// MemStats is the tail of the text: runtime.MemStats as far as it is printed (no PauseTotalNs, no BySize), and MaxRSS,
// which only Unix systems print. Bytes, nanoseconds, and unix nanoseconds for LastGC and PauseEnd.
type MemStats struct {
	Alloc, TotalAlloc, Sys, Lookups, Mallocs, Frees                    uint64
	HeapAlloc, HeapSys, HeapIdle, HeapInuse, HeapReleased, HeapObjects uint64
	StackInuse, StackSys, MSpanInuse, MSpanSys, MCacheInuse, MCacheSys uint64
	BuckHashSys, GCSys, OtherSys                                       uint64
	NextGC, LastGC                                                     uint64
	PauseNs, PauseEnd                                                  [256]uint64 // rings, see Pause
	NumGC, NumForcedGC                                                 uint32
	GCCPUFraction                                                      float64
	MaxRSS                                                             uint64
}

// Pause gives the stop-the-world time of a GC cycle (1 is the first) and when it ended. ok is false when there was no
// such cycle yet, or when it has left the ring: only the last 256 are known.
func (m *MemStats) Pause(cycle uint32) (ns, endUnixNs uint64, ok bool) {
	if cycle == 0 || cycle > m.NumGC || m.NumGC-cycle >= uint32(len(m.PauseEnd)) {
		return 0, 0, false
	}
	i := (cycle + 255) % 256
	return m.PauseNs[i], m.PauseEnd[i], m.PauseEnd[i] != 0
}

// ObservedUntil is the moment up to which the profile is complete. A profile read after GC n holds the allocations up to
// the mark termination of GC n-1, so differences of two profiles belong to the time between these moments and not
// between the scrapes. ok is false before the second GC.
func (m *MemStats) ObservedUntil() (unixNs uint64, ok bool) {
	_, end, ok := m.Pause(max(m.NumGC, 1) - 1)
	return end, ok
}
