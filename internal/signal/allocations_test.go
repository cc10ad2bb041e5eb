// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package signal

import "testing"

// TestAllocations pins what an observation allocates: the counts of the pauses and the sites of its snapshot.
func TestAllocations(t *testing.T) {
	target, o, r := full(32)
	got := testing.AllocsPerRun(200, func() {
		advance(o)
		r.Reset()
		target.Observe(o, settings, r)
	})
	if got > 2 {
		t.Errorf("%v allocations an observation, want at most 2", got)
	}
}
