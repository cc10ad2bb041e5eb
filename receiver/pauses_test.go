// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/heap"
)

// memStats with one pause for each cycle: cycle n paused n microseconds and ended at n seconds.
func memStats(numGC uint32) *heap.MemStats {
	m := &heap.MemStats{NumGC: numGC}
	for n := uint32(1); n <= numGC; n++ {
		m.PauseNs[(n+255)%256] = uint64(n) * 1000
		m.PauseEnd[(n+255)%256] = uint64(n) * 1e9
	}
	return m
}

func TestPausesAreSummedOnce(t *testing.T) {
	var p pauses
	for _, step := range []struct {
		numGC, lost uint32
		longest     time.Duration
		count       uint64
	}{
		{numGC: 3, count: 3}, // the ring at first sight is old: no longest
		{numGC: 3, count: 3}, // no new cycle: nothing is invented
		{numGC: 5, count: 5, longest: 5 * time.Microsecond},                 // two new cycles
		{numGC: 300, count: 261, longest: 300 * time.Microsecond, lost: 39}, // 295 cycles, 256 still known
		{numGC: 301, count: 262, longest: 301 * time.Microsecond},
	} {
		longest, lost := p.add(memStats(step.numGC))
		if longest != step.longest || lost != step.lost || p.count != step.count {
			t.Errorf("NumGC %d: longest %s, lost %d, count %d; want %s, %d, %d", step.numGC, longest, lost, p.count, step.longest, step.lost, step.count)
		}
	}
	var inBuckets uint64
	for _, n := range p.counts {
		inBuckets += n
	}
	if inBuckets != p.count {
		t.Errorf("buckets hold %d pauses, count says %d", inBuckets, p.count)
	}
	if p.counts[0] != 5 { // only 1..5 microseconds were at or below 10: 6..10 were lost
		t.Errorf("first bucket holds %d; want 5", p.counts[0])
	}
	if p.min != time.Microsecond || p.max != 301*time.Microsecond {
		t.Errorf("min %s, max %s; want 1µs, 301µs", p.min, p.max)
	}
}

func TestFirstCycleStandsForTheStart(t *testing.T) {
	if got := firstCycleEnd(memStats(256)); got.UnixNano() != 1e9-1000 {
		t.Errorf("start is %v; want the beginning of the first pause", got.UnixNano())
	}
	if got := firstCycleEnd(memStats(257)); !got.IsZero() {
		t.Errorf("start is %v although the ring lost the first cycle; want unknown", got)
	}
	if got := firstCycleEnd(memStats(0)); !got.IsZero() {
		t.Errorf("start is %v before any cycle; want unknown", got)
	}
}
