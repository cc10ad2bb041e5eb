// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"maps"
	"math"
	"slices"

	"github.com/heapgate/heapgate/internal/heap"
)

// otherSite is the function name of the bucket that sums all sites without a name of their own.
const otherSite = "other"

// emittedSite is one line of the site metrics. A site of the rest has Function otherSite and no file.
type emittedSite struct {
	heap.Site
}

type siteKey struct {
	function, file string
	line           int
	class          heap.Class
}

func keyOf(s *heap.Site) siteKey { return siteKey{s.Function, s.File, s.Line, s.Class} }

// siteTable chooses which sites of a process are named.
//
//  1. A site enters when it is among the first `top` by weight, and stays while there is room for twice as many, so that
//     two sites of nearly equal weight do not take turns.
//  2. When the room is full, the lightest named site that is not among the first `top` makes place.
//  3. The cumulative "other" of a class never falls when a site enters or leaves: carried holds what the site had had.
type siteTable struct {
	top     int
	named   map[siteKey]cumulative // last emitted values
	carried map[heap.Class]cumulative
}

// cumulative are the three sums of a site that only grow.
type cumulative struct{ bytes, objects, samples int64 }

func cumulativeOf(s *heap.Site) cumulative {
	return cumulative{s.AllocBytes, s.AllocObjects, s.Samples}
}

func (c cumulative) plus(d cumulative) cumulative {
	return cumulative{c.bytes + d.bytes, c.objects + d.objects, c.samples + d.samples}
}

func (c cumulative) minus(d cumulative) cumulative {
	return cumulative{c.bytes - d.bytes, c.objects - d.objects, c.samples - d.samples}
}

func newSiteTable(top int) siteTable {
	return siteTable{top: top, named: map[siteKey]cumulative{}, carried: map[heap.Class]cumulative{}}
}

// add takes all sites of one heap text and returns those to emit and how many went into "other".
func (t *siteTable) add(sites []heap.Site) (emit []emittedSite, folded int) {
	last := t.choose(sites)
	others := map[heap.Class]*emittedSite{}
	for i := range sites {
		site := &sites[i]
		if _, ok := t.named[keyOf(site)]; ok {
			t.named[keyOf(site)] = cumulativeOf(site)
			emit = append(emit, emittedSite{*site})
			continue
		}
		folded++
		other := others[site.Class]
		if other == nil {
			other = &emittedSite{heap.Site{Function: otherSite, Class: site.Class}}
			others[site.Class] = other
		}
		other.AllocBytes += site.AllocBytes
		other.AllocObjects += site.AllocObjects
		other.Samples += site.Samples
		other.InuseBytes += site.InuseBytes
		other.InuseObjects += site.InuseObjects
		other.StdErrBytes = math.Hypot(other.StdErrBytes, site.StdErrBytes)
	}
	t.carry(sites, last)
	for class, carried := range t.carried {
		other := others[class]
		if other == nil {
			other = &emittedSite{heap.Site{Function: otherSite, Class: class}}
			others[class] = other
		}
		other.AllocBytes += carried.bytes
		other.AllocObjects += carried.objects
		other.Samples += carried.samples
	}
	for _, class := range slices.Sorted(maps.Keys(others)) {
		emit = append(emit, *others[class])
	}
	return emit, folded
}

// choose updates the set of named sites and returns the set as it was, with the values last emitted.
func (t *siteTable) choose(sites []heap.Site) (before map[siteKey]cumulative) {
	before = make(map[siteKey]cumulative, len(t.named))
	for key, sums := range t.named {
		before[key] = sums
	}
	byWeight := rank(sites)
	t.forget(sites)
	for i, site := range byWeight {
		if i == t.top {
			break
		}
		t.named[keyOf(site)] = cumulativeOf(site)
	}
	for i := len(byWeight) - 1; i >= t.top && len(t.named) > 2*t.top; i-- {
		delete(t.named, keyOf(byWeight[i]))
	}
	return before
}

// forget drops names of sites that the heap text no longer has, so that they take no room.
func (t *siteTable) forget(sites []heap.Site) {
	present := make(map[siteKey]bool, len(sites))
	for i := range sites {
		present[keyOf(&sites[i])] = true
	}
	for key := range t.named {
		if !present[key] {
			delete(t.named, key)
		}
	}
}

// carry keeps "other" from falling. A site that enters leaves behind what it had had in "other" one visit ago, which is
// not known; what it has now stands for it, since its own series starts here. One that leaves brings only what is new.
func (t *siteTable) carry(sites []heap.Site, before map[siteKey]cumulative) {
	if len(before) == 0 {
		return // first visit: "other" starts with what it is
	}
	for i := range sites {
		key := keyOf(&sites[i])
		_, isNamed := t.named[key]
		last, wasNamed := before[key]
		switch {
		case isNamed && !wasNamed:
			t.carried[key.class] = t.carried[key.class].plus(cumulativeOf(&sites[i]))
		case !isNamed && wasNamed:
			t.carried[key.class] = t.carried[key.class].minus(last)
		}
	}
}

// rank sorts sites by weight, heaviest first: the largest of a site's shares in what was allocated, in what lives, and in
// both of maps alone. A map that leaks is seldom large among all memory when it starts, nor among what maps allocated since
// the process began; but it lives.
func rank(sites []heap.Site) []*heap.Site {
	var alloc, inuse, mapAlloc, mapInuse float64
	for i := range sites {
		alloc += float64(sites[i].AllocBytes)
		inuse += float64(sites[i].InuseBytes)
		if isMap(sites[i].Class) {
			mapAlloc += float64(sites[i].AllocBytes)
			mapInuse += float64(sites[i].InuseBytes)
		}
	}
	weight := func(s *heap.Site) float64 {
		w := math.Max(share(s.AllocBytes, alloc), share(s.InuseBytes, inuse))
		if isMap(s.Class) {
			w = math.Max(w, math.Max(share(s.AllocBytes, mapAlloc), share(s.InuseBytes, mapInuse)))
		}
		return w
	}
	ranked := make([]*heap.Site, len(sites))
	for i := range sites {
		ranked[i] = &sites[i]
	}
	slices.SortStableFunc(ranked, func(a, b *heap.Site) int {
		switch wa, wb := weight(a), weight(b); {
		case wa > wb:
			return -1
		case wa < wb:
			return 1
		}
		return 0
	})
	return ranked
}

func isMap(c heap.Class) bool { return c != heap.Value && c != heap.Unknown }

func share(part int64, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return float64(part) / whole
}
