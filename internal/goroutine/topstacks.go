// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/heapgate/heapgate/internal/stacktext"
)

const (
	maxTop    = 10     // stacks that are kept whole
	maxCounts = 50_000 // distinct stacks that are told apart; of what comes later each record counts for itself
)

// stack is one stack that is kept whole: a chain of the table, and what called its site.
type stack struct {
	hash    uint64
	chain   int
	count   int64
	callers []int32 // indices into the table's frames
}

// topStacks finds the stacks with the most goroutines in one pass. A record with labels tells only of a part of a stack's
// goroutines, so counts adds up by the hash of the addresses; a stack becomes one of the top with the record that makes
// it large enough, and only then its frames are read to the end.
type topStacks struct {
	counts map[uint64]int64
	top    []stack // unsorted
	hash   uint64  // of the open record
	count  int64   // of its stack, so far
	wanted bool
}

var seed = maphash.MakeSeed()

// offer takes the addresses of a record and reports whether its stack is wanted whole.
func (t *topStacks) offer(pcs []byte, n int64) bool {
	if t.counts == nil {
		t.counts = map[uint64]int64{}
	}
	t.hash, t.count = maphash.Bytes(seed, pcs), n
	if before, ok := t.counts[t.hash]; ok || len(t.counts) < maxCounts {
		t.count += before
		t.counts[t.hash] = t.count
	}
	t.wanted = len(t.top) < maxTop
	for i := range t.top {
		if t.top[i].hash == t.hash {
			t.top[i].count = t.count
			t.wanted = false
			break
		}
		t.wanted = t.wanted || t.top[i].count < t.count
	}
	return t.wanted
}

// take keeps the open stack, which is of that chain, if it is wanted.
func (t *topStacks) take(in *stacktext.Reader, chain int) {
	if !t.wanted {
		return
	}
	if len(t.top) == maxTop {
		least := 0
		for i := range t.top {
			if t.top[i].count < t.top[least].count {
				least = i
			}
		}
		t.top = slices.Delete(t.top, least, least+1)
	}
	t.top = append(t.top, stack{t.hash, chain, t.count, slices.Clone(in.Callers())})
}

// list gives the stacks, the most frequent first.
func (t *topStacks) list() []stack {
	slices.SortStableFunc(t.top, func(a, b stack) int { return cmp.Compare(b.count, a.count) })
	return t.top
}
