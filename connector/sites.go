// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"github.com/heapgate/heapgate/internal/gofunc"
	"github.com/heapgate/heapgate/internal/heap"
	"github.com/heapgate/heapgate/internal/ladder"
)

// sums of one site in one class, or of a whole profile.
type sums struct {
	allocBytes, allocObjects, inuseBytes, inuseObjects, samples int64
	largest                                                     int64   // bytes of the largest block
	variance                                                    float64 // of allocBytes
}

// add takes another's sums; false if they are more than an int64 holds.
func (s *sums) add(o *sums) bool {
	for _, pair := range [][2]*int64{{&s.allocBytes, &o.allocBytes}, {&s.allocObjects, &o.allocObjects}, {&s.inuseBytes, &o.inuseBytes},
		{&s.inuseObjects, &o.inuseObjects}, {&s.samples, &o.samples}} {
		if plus(pair[0], *pair[1]) != "" {
			return false
		}
	}
	s.largest = max(s.largest, o.largest)
	s.variance += o.variance
	return true
}

// site is a place and what is allocated there.
type site struct {
	gofunc.Place
	class heap.Class
}

// place is what a stack says.
type place struct {
	at       gofunc.Place
	class    heap.Class
	trimmed  bool // a map may hide behind the class value
	observer bool // it serves the profile
}

// place looks at each stack of a message once.
func (d *dictionary) place(stack int32) place {
	if known, ok := d.stacks[stack]; ok {
		return known
	}
	p := place{class: heap.Unknown}
	functions, places := d.frames(stack)
	if len(functions) > 0 {
		f := heap.ClassOf(functions)
		p = place{at: places[f.Site], class: f.Class, trimmed: f.Trimmed}
	}
	for _, name := range functions {
		p.observer = p.observer || gofunc.IsObserver(name)
	}
	d.stacks[stack] = p
	return p
}

// weighed is a snapshot's total, and its map sites.
type weighed struct {
	total sums
	sites map[site]*sums
}

// weigh adds up the buckets of a snapshot; refused says why it did not. A line whose stacks are trimmed has a growing map where
// its blocks are likely a map's tables, and then only those blocks count as such.
func weigh(d *dictionary, s *snapshot, runtime string) (w weighed, refused string) {
	w.sites = map[site]*sums{}
	var blocks []ladder.Block
	for key, v := range s.buckets {
		if v[allocObjects] == 0 && v[allocSpace] > 0 || v[inuseObjects] == 0 && v[inuseSpace] > 0 {
			return w, halfOnly
		}
		one := sums{allocBytes: v[allocSpace], allocObjects: v[allocObjects], inuseBytes: v[inuseSpace], inuseObjects: v[inuseObjects]}
		if one.allocObjects > 0 {
			one.largest = one.allocBytes / one.allocObjects
			one.samples, one.variance = heap.Weigh(one.allocObjects, one.allocBytes, s.rate)
		}
		if key.size > 0 {
			one.largest = key.size
		}
		if !w.total.add(&one) {
			return w, overflow
		}
		p := d.place(key.stack)
		switch {
		case p.observer:
		case p.trimmed && p.class == heap.Value:
			at := ladder.Place{Function: p.at.Function, File: p.at.File, Line: int64(p.at.Line)}
			blocks = append(blocks, ladder.Block{Place: at, Size: one.largest, Allocated: one.allocBytes, Inuse: one.inuseBytes})
		case isMap(p.class):
			w.add(site{p.at, p.class}, &one)
		}
	}
	for _, g := range ladder.Find(blocks, ladder.Settings{Runtime: runtime, Rate: s.rate}) {
		if g.Likely {
			w.add(site{gofunc.Place{Function: g.Function, File: g.File, Line: int(g.Line)}, heap.MapGrow}, guessed(&g))
		}
	}
	return w, ""
}

// guessed are the sums of a ladder. It does not say how many blocks are in use: in the mean they are of one size.
func guessed(g *ladder.Growth) *sums {
	s := &sums{allocBytes: g.Allocated, allocObjects: g.Objects, inuseBytes: g.Inuse, samples: g.Samples, largest: g.Largest, variance: g.StdErr * g.StdErr}
	if g.Allocated > 0 {
		s.inuseObjects = int64(float64(g.Objects) * float64(g.Inuse) / float64(g.Allocated))
	}
	return s
}

// add cannot overflow where the total did not; a guess that does is left out.
func (w *weighed) add(at site, one *sums) {
	sum := w.sites[at]
	if sum == nil {
		sum = &sums{}
		w.sites[at] = sum
	}
	if before := *sum; !sum.add(one) {
		*sum = before
	}
}
