// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"hash/maphash"
	"maps"
	"math"
	"slices"

	"github.com/heapgate/heapgate/internal/heap"
	"github.com/heapgate/heapgate/internal/topsites"
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

// siteHash stands for a siteKey, of which ten thousand targets would hold forty each. Among n sites two share one with a
// probability of n*n/2^65, and then they share a name.
type siteHash uint64

var siteSeed = maphash.MakeSeed()

func hashOf(s *heap.Site) siteHash { return siteHash(maphash.Comparable(siteSeed, keyOf(s))) }

// siteTable chooses which sites of a process are named, as topsites.Names does. The cumulative "other" of a class never
// falls when a site enters or leaves: carried holds what the site had had.
type siteTable struct {
	names   topsites.Names[siteHash]
	last    map[siteHash]cumulative // of named sites, as last emitted
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
	return siteTable{names: topsites.New[siteHash](top), last: map[siteHash]cumulative{}, carried: map[heap.Class]cumulative{}}
}

// add takes all sites of one heap text and returns those to emit and how many went into "other".
func (t *siteTable) add(sites []heap.Site) (emit []emittedSite, folded int) {
	t.choose(sites)
	others := map[heap.Class]*emittedSite{}
	for i := range sites {
		site := &sites[i]
		if hash := hashOf(site); t.names.Has(hash) {
			t.last[hash] = cumulativeOf(site)
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

// choose names sites and keeps "other" from falling. A site that enters leaves behind what it had had in "other" one visit
// ago, which is not known; what it has now stands for it, since its own series starts here. One that leaves brings only
// what is new. One that is gone brings nothing.
func (t *siteTable) choose(sites []heap.Site) {
	ranked := rank(sites)
	hashes := make([]siteHash, len(ranked))
	for i, site := range ranked {
		hashes[i] = hashOf(site)
	}
	first := len(t.last) == 0 // "other" starts with what it is
	entered, left := t.names.Choose(hashes)
	for _, hash := range entered {
		if !first {
			site := ranked[slices.Index(hashes, hash)]
			t.carried[site.Class] = t.carried[site.Class].plus(cumulativeOf(site))
		}
		t.last[hash] = cumulative{}
	}
	for _, hash := range left {
		class := ranked[slices.Index(hashes, hash)].Class
		t.carried[class] = t.carried[class].minus(t.last[hash])
		delete(t.last, hash)
	}
	for hash := range t.last {
		if !t.names.Has(hash) {
			delete(t.last, hash)
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
