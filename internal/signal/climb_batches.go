// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"math"
	"slices"
)

const (
	// mostBatches are held. When there are more, they become twice as long.
	mostBatches = 60
	// firstBatch in seconds is the length of a batch at first; an idle process has one cycle in that time.
	firstBatch = 120
	// longestClimb in seconds is what is remembered: a day, so that its hours are all in it.
	longestClimb = 24 * 3600
)

// batch is the sum of what was heard in a stretch of time.
type batch struct {
	index     int64 // of the stretch, counted from the origin
	n         float64
	time, sum float64 // seconds since the origin, bytes
}

// batches are means of the live heap over stretches of equal length, oldest first, of at most 60 and a day.
type batches struct {
	origin, length float64 // seconds
	latest         float64 // seconds since the origin: of the last value
	held           []batch
}

// add takes a value at a time that is not before the last one.
func (b *batches) add(at, value float64) {
	if len(b.held) == 0 {
		b.origin, b.length = at, firstBatch
	}
	since := at - b.origin
	b.latest = since
	index := int64(math.Floor(since / b.length))
	if n := len(b.held); n > 0 && b.held[n-1].index == index {
		last := &b.held[n-1]
		last.n, last.time, last.sum = last.n+1, last.time+since, last.sum+value
		return
	}
	b.held = append(b.held, batch{index, 1, since, value})
	old := 0
	for since-b.held[old].mean() > longestClimb {
		old++
	}
	b.held = slices.Delete(b.held, 0, old)
	for len(b.held) > mostBatches {
		b.double()
	}
}

// mean time of a batch, seconds since the origin.
func (b *batch) mean() float64 { return b.time / b.n }

// double makes the batches twice as long.
func (b *batches) double() {
	b.length *= 2
	kept := b.held[:0]
	for _, next := range b.held {
		next.index = next.index >> 1
		if n := len(kept); n > 0 && kept[n-1].index == next.index {
			last := &kept[n-1]
			last.n, last.time, last.sum = last.n+next.n, last.time+next.time, last.sum+next.sum
			continue
		}
		kept = append(kept, next)
	}
	b.held = kept
}

// coverage is the share of the window that is not in holes. How far apart two batches usually are is what the process and its
// reading have made of it: an idle one has a cycle in two minutes. More than twice as far is a hole.
func (b *batches) coverage() float64 {
	var gaps values
	for i := len(b.held) - 1; i > 0; i-- {
		gaps.add(b.held[i].mean() - b.held[i-1].mean())
	}
	usual, missing, window := gaps.median().Value, 0.0, b.window()
	for i := 1; i < len(b.held); i++ {
		if gap := b.held[i].mean() - b.held[i-1].mean(); gap > 2*usual {
			missing += gap - usual
		}
	}
	if window <= 0 {
		return 0
	}
	return max(0, 1-missing/window)
}

// window in seconds from the first value held to the last.
func (b *batches) window() float64 {
	if len(b.held) == 0 {
		return 0
	}
	return b.latest - float64(b.held[0].index)*b.length
}
