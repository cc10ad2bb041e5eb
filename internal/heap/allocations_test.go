// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package heap

import (
	"bytes"
	"runtime/debug"
	"testing"
)

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

// TestSteadyAllocations pins that a record at a known site costs nothing.
func TestSteadyAllocations(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the pools
	count := func(size int) float64 {
		text := synthetic(size)
		return testing.AllocsPerRun(3, func() {
			if _, err := Parse(bytes.NewReader(text), Limits{}); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := count(8<<20), count(16<<20); many-few > 20 {
		t.Errorf("8 MiB more at the same sites cost %v allocations more, want none", many-few)
	}
}
