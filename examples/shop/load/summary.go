// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/bits"
	"time"
)

// Summary counts what became of the requests of a plan. Every request that was due is in exactly one of OK, Failed, Dropped.
type Summary struct {
	Rate    float64
	Elapsed time.Duration
	OK      int64
	Failed  int64
	Dropped int64 // no room for another open request
	Late    int64 // sent, but late; also in OK or Failed
	Latency Latency
}

func (s *Summary) add(late bool, err error, latency time.Duration) {
	if late {
		s.Late++
	}
	if err != nil {
		s.Failed++
		return
	}
	s.OK++
	s.Latency.add(latency)
}

// String is one line for a person and for grep.
func (s Summary) String() string {
	return fmt.Sprintf("load: %d requests at %g/s in %v: ok %d, failed %d, dropped %d, late %d; latency p50 < %v, p99 < %v, max %v",
		s.OK+s.Failed+s.Dropped, s.Rate, s.Elapsed.Round(time.Millisecond), s.OK, s.Failed, s.Dropped, s.Late,
		s.Latency.below(0.50), s.Latency.below(0.99), s.Latency.max.Round(10*time.Microsecond))
}

// Latency is a histogram of the time from a request's due moment (not from its sending, which would hide the queue in front
// of a slow server) to its answer. Bucket k holds the latencies below 2^k microseconds.
type Latency struct {
	buckets [64]int64
	total   int64
	max     time.Duration
}

func (l *Latency) add(d time.Duration) {
	l.buckets[bits.Len64(uint64(max(0, d.Microseconds())))]++
	l.total++
	l.max = max(l.max, d)
}

// below returns the upper bound of the bucket in which the quantile q (0..1) lies; 0 without latencies.
func (l *Latency) below(q float64) time.Duration {
	seen, want := int64(0), q*float64(l.total)
	for k, n := range l.buckets {
		seen += n
		if n > 0 && float64(seen) >= want {
			return time.Duration(1<<k) * time.Microsecond
		}
	}
	return 0
}
