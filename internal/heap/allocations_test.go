// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package heap

import "testing"

// TestKnownBuildIsCheap pins what a text costs in memory when one of its build was read before: what it says, once. (The race detector makes pools forget.)
func TestKnownBuildIsCheap(t *testing.T) {
	text := read(t, "testdata/go1.26/heap.txt")
	symbol := lookup(t, read(t, "testdata/go1.26/symbols.txt"))
	again := func() { parse(t, text).Snapshot(symbol) }
	again()
	if n := testing.AllocsPerRun(20, again); n > 40 {
		t.Errorf("%v allocations, want at most 40", n)
	}
}
