// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"cmp"
	"hash/maphash"
	"maps"
	"slices"

	"github.com/heapgate/heapgate/internal/stacktext"
	"github.com/heapgate/heapgate/internal/topsites"
)

// OtherSite is the function of the sites that have no name of their own, one for each state.
const OtherSite = "other"

// EmittedSite is one line of the site metrics. One of the rest has Function OtherSite and no file.
type EmittedSite struct {
	Site
	Growth int64 // goroutines more, or fewer, than when the process was first heard
}

// maxBase is how many sites of the first snapshot are remembered, the largest ones. A site that is not among them had at
// most as many goroutines as the smallest of these; its growth is counted from 0.
const maxBase = 256

// Table names the sites of one process with the most goroutines, or with the most that came since it was first heard,
// and keeps their names as topsites.Names does. The growth of all lines together is that of the process, always. When the
// process starts anew, so must its table.
type Table struct {
	names  topsites.Names[uint64]
	base   map[uint64]int64 // count at first, by hashOf a site
	states map[State]int64  // the same of all sites in a state; nil before the first snapshot
}

// NewTable names at most twice as many sites as top.
func NewTable(top int) *Table { return &Table{names: topsites.New[uint64](top)} }

func keyOf(s *Site) siteKey {
	return siteKey{stacktext.Place{Function: s.Function, File: s.File, Line: s.Line}, s.State}
}

// hashOf stands for a key where its names must not be held.
func hashOf(key siteKey) uint64 { return maphash.Comparable(seed, key) }

// Add takes a snapshot and gives the named sites in its order, and behind them the rest of each state.
func (t *Table) Add(s Snapshot) []EmittedSite {
	if t.states == nil {
		t.begin(s)
	}
	t.names.Choose(t.rank(s.Sites))
	rest := map[State]*EmittedSite{}
	of := func(state State) *EmittedSite {
		if rest[state] == nil {
			rest[state] = &EmittedSite{Site: Site{Function: OtherSite, State: state}}
		}
		return rest[state]
	}
	for state, count := range t.states {
		of(state).Growth = -count
	}
	var emit []EmittedSite
	for i := range s.Sites {
		site := &s.Sites[i]
		other := of(site.State)
		other.Growth += site.Count
		if hash := hashOf(keyOf(site)); t.names.Has(hash) {
			growth := site.Count - t.base[hash]
			other.Growth -= growth
			emit = append(emit, EmittedSite{*site, growth})
			continue
		}
		other.Count += site.Count
		other.InMap += site.InMap
	}
	for _, state := range slices.Sorted(maps.Keys(rest)) {
		emit = append(emit, *rest[state])
	}
	return emit
}

// begin remembers the first snapshot.
func (t *Table) begin(s Snapshot) {
	t.states, t.base = map[State]int64{}, map[uint64]int64{}
	for i := range s.Sites {
		site := &s.Sites[i]
		t.states[site.State] += site.Count
		if i < maxBase { // the largest come first
			t.base[hashOf(keyOf(site))] = site.Count
		}
	}
}

// rank sorts sites by weight, the heaviest first: the larger of a site's shares in what is there and in what came since. A
// leak is seldom large among all goroutines when it starts.
func (t *Table) rank(sites []Site) []uint64 {
	type weighed struct {
		hash          uint64
		count, growth int64
		weight        float64
	}
	all := make([]weighed, len(sites))
	var count, growth int64
	for i := range sites {
		w := &all[i]
		w.hash, w.count = hashOf(keyOf(&sites[i])), sites[i].Count
		w.growth = max(0, w.count-t.base[w.hash])
		count += w.count
		growth += w.growth
	}
	for i := range all {
		w := &all[i]
		w.weight = float64(w.count) / float64(max(count, 1))
		if growth > 0 {
			w.weight = max(w.weight, float64(w.growth)/float64(growth))
		}
	}
	slices.SortStableFunc(all, func(a, b weighed) int { return cmp.Compare(b.weight, a.weight) })
	hashes := make([]uint64, len(all))
	for i := range all {
		hashes[i] = all[i].hash
	}
	return hashes
}
