// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"math/rand/v2"
	"testing"
)

// full is a target whose histories are full, and a next observation with a new GC.
func full(sites int) (*Target, Observation, *Report) {
	observations := life(rand.New(rand.NewPCG(7, 7)), 200, sites)
	target, r := &Target{}, &Report{}
	for _, o := range observations {
		o.Heap.Sites = o.Heap.Sites[:sites/2]
		target.Observe(o, settings, r)
	}
	r.Reset()
	return target, observations[len(observations)-1], r
}

// advance makes o the next observation: one more GC, 15 s later.
func advance(o Observation) {
	o.Heap.At += 15e9
	o.Heap.Cycles.Value++
	o.Heap.ObservedUntil.Value += 15
	o.Heap.LastGC.Value += 15
	o.Trace.At += 15e9
	o.Trace.Cycles.Value++
	o.Trace.Elapsed.Value += 15
}

// BenchmarkObserve is one observation of one target with full histories and 16 map sites.
func BenchmarkObserve(b *testing.B) {
	target, o, r := full(32)
	b.ReportAllocs()
	for b.Loop() {
		advance(o)
		r.Reset()
		target.Observe(o, settings, r)
	}
}
