// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import "math/bits"

// group is what the buckets of one call site and one way through the runtime sum up to.
type group struct {
	totals   Totals
	variance float64
	rungs    rungs
	owned    int32 // index in Text.owned, 1 for the first: those who called the library that the site is in; 0 for none
}

func (g *group) add(b *bucket) {
	g.totals.add(b.totals) // fits: the sum over all groups does
	g.variance += b.variance
	g.rungs.add(b.size)
}

// rungs remembers which block sizes were seen, by power of two, for the arrays of the maps before Go 1.24: each one is
// twice the one before. A rung that was never sampled adds nothing to the Horvitz-Thompson variance though it was
// allocated, so the error of such a site is too small without it.
type rungs struct {
	seen    uint64 // bit i: a block of [2^i, 2^(i+1)) bytes
	largest int64  // bytes
}

func (r *rungs) add(size int64) {
	if size <= 0 {
		return
	}
	r.seen |= 1 << (bits.Len64(uint64(size)) - 1)
	r.largest = max(r.largest, size)
}

func (r *rungs) merge(o rungs) {
	r.seen |= o.seen
	r.largest = max(r.largest, o.largest)
}

// unseen is the size of the largest rung below the largest seen one that is missing, bytes.
func (r rungs) unseen() int64 {
	size := r.largest
	for bit := bits.Len64(uint64(r.largest)) - 1; bit >= 0 && r.seen&(1<<bit) != 0; bit-- {
		size /= 2
	}
	return size
}
