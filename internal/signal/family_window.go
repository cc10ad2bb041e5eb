// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import "hash/maphash"

// mark is what something was at a moment, in seconds on whatever time base.
type mark struct{ at, value float64 }

const spanMarks = 5

// span is a window that is remembered in few moments, at least a quarter of a window apart, and not in a history: what is
// counted by it are many things. The oldest moment is at most a window old, and at least three quarters of one if the
// process was heard so long.
type span struct {
	at [spanMarks]float64 // the oldest first
	n  int
}

// push takes the next moment. It gives how many of the oldest ones are gone, and whether this one is remembered, behind
// those that stay: whoever counts by the span does the same with what it counts. After a hole of a window all are gone.
func (s *span) push(at, window float64) (gone int, remembered bool) {
	for gone < s.n && at-s.at[gone] > window {
		gone++
	}
	copy(s.at[:], s.at[gone:s.n])
	s.n -= gone
	if s.n == 0 || s.n < spanMarks && at-s.at[s.n-1] >= window/(spanMarks-1) {
		s.at[s.n] = at
		s.n++
		return gone, true
	}
	return gone, false
}

// since is what something has grown by since each moment of a span, or since it was first heard, if that was later. Its
// numbers are differences, so that a float32 has enough of them.
type since [spanMarks]float32

// push takes what a span's push gave, before what was added up to now.
func (g *since) push(gone int) {
	copy(g[:], g[gone:])
	clear(g[spanMarks-gone:])
}

// add takes what was added up to now; n is how many moments the span has, without now.
func (g *since) add(grown float64, n int) {
	for i := range n {
		g[i] += float32(grown)
	}
}

// placeSeed makes the hashes such that no names can be made to have equal ones.
var placeSeed = maphash.MakeSeed()

// hashOf stands for a key, whose names would be most of what is remembered.
func hashOf(key *SiteKey) uint64 { return maphash.Comparable(placeSeed, *key) }

// bounded gives each of many things a place in a slice. Places keep a hash in the place of a name.
type bounded[T any] struct {
	all  []place[T]
	turn uint32
}

type place[T any] struct {
	hash uint64
	seen uint32 // turn
	is   T
}

// find gives the place of a thing, or nil where it has none.
func (b *bounded[T]) find(hash uint64) *place[T] {
	for i := range b.all { // they are few
		if b.all[i].hash == hash {
			return &b.all[i]
		}
	}
	return nil
}

// assign gives each of n things that are there in this turn its place, of at most `most`: its own, a new one, or that of the
// thing that was not there for longest. One whose hash is 0 gets none. It gives how many more got none, because all of the
// others are there too.
func (b *bounded[T]) assign(n, most int, hash func(i int) uint64, take func(i int, is *T)) (left int) {
	b.turn++
	found := 0
	for i := range n {
		h := hash(i)
		p := b.find(h)
		if p != nil && h != 0 {
			p.seen = b.turn
			take(i, &p.is)
		}
		if p != nil || h == 0 {
			found++
		}
	}
	if found == n { // nearly always
		return 0
	}
	for i := range n {
		h := hash(i)
		if h == 0 || b.find(h) != nil {
			continue
		}
		if p := b.give(h, most); p != nil {
			take(i, &p.is)
		} else {
			left++
		}
	}
	return left
}

// give gives a new thing a place, nil where there is none.
func (b *bounded[T]) give(hash uint64, most int) *place[T] {
	if len(b.all) < most {
		if len(b.all) == cap(b.all) { // not twice as many, of which half would be empty
			b.all = append(make([]place[T], 0, min(most, cap(b.all)+8)), b.all...)
		}
		b.all = append(b.all, place[T]{hash: hash, seen: b.turn})
		return &b.all[len(b.all)-1]
	}
	oldest := &b.all[0]
	for i := range b.all {
		if b.all[i].seen < oldest.seen {
			oldest = &b.all[i]
		}
	}
	if oldest.seen == b.turn {
		return nil
	}
	*oldest = place[T]{hash: hash, seen: b.turn}
	return oldest
}
