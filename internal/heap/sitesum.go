// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"cmp"
	"math"
	"slices"
	"sync"

	"github.com/heapgate/heapgate/internal/stacktext"
)

// siteSums adds up the groups of one site and class. Frames at several addresses may be one place, so places have
// numbers; each frame is looked up only once.
type siteSums struct {
	ids     map[stacktext.Place]int32 // number of a place in byPlace, 1 for the first
	ofFrame []int32                   // the same by frame; 0 where it is not looked up yet
	byPlace [][ranks]int32            // number of a sum in all, 1 for the first; 0 for none
	all     []siteSum
	order   []*siteSum
}

type siteSum struct {
	place    stacktext.Place
	class    rank
	totals   Totals
	variance float64
	rungs    rungs
	largest  int64 // block that was sampled, bytes
}

// idleSums are for the next snapshots: *siteSums.
var idleSums sync.Pool

func newSiteSums(t *Text) *siteSums {
	s, ok := idleSums.Get().(*siteSums)
	if !ok {
		s = &siteSums{ids: map[stacktext.Place]int32{}}
	}
	s.ofFrame = slices.Grow(s.ofFrame[:0], len(t.table.Frames))[:len(t.table.Frames)]
	clear(s.ofFrame)
	return s
}

// close keeps the memory, unless it is much, and holds no name.
func (s *siteSums) close() {
	if len(s.ofFrame) > 8<<10 {
		return
	}
	clear(s.ids)
	clear(s.all)
	clear(s.order)
	s.byPlace, s.all, s.order = s.byPlace[:0], s.all[:0], s.order[:0]
	idleSums.Put(s)
}

// of gives the sum of a site, -1 being none, and a class.
func (s *siteSums) of(t *Text, site int, class rank) *siteSum {
	number := s.number(t, site)
	sum := &s.byPlace[number-1][class]
	if *sum == 0 {
		s.all = append(s.all, siteSum{place: place(t, site), class: class})
		*sum = int32(len(s.all))
	}
	return &s.all[*sum-1]
}

func (s *siteSums) number(t *Text, site int) int32 {
	if site >= 0 && s.ofFrame[site] > 0 {
		return s.ofFrame[site]
	}
	at := place(t, site)
	number, ok := s.ids[at]
	if !ok {
		s.byPlace = append(s.byPlace, [ranks]int32{})
		number = int32(len(s.byPlace))
		s.ids[at] = number
	}
	if site >= 0 {
		s.ofFrame[site] = number
	}
	return number
}

func place(t *Text, site int) stacktext.Place {
	if site < 0 {
		return stacktext.Place{Function: "unknown"}
	}
	return t.table.Frames[site].Place
}

// sites gives the sums, the largest first.
func (s *siteSums) sites() []Site {
	for i := range s.all {
		s.order = append(s.order, &s.all[i])
	}
	slices.SortFunc(s.order, bySize)
	sites := make([]Site, len(s.order))
	for i, sum := range s.order {
		sites[i] = sum.site()
	}
	return sites
}

func (s *siteSum) site() Site {
	unseen := float64(s.rungs.unseen())
	return Site{
		Function: s.place.Function, File: s.place.File, Line: s.place.Line, Class: classes[s.class],
		AllocBytes: s.totals.AllocBytes, AllocObjects: s.totals.AllocObjects,
		InuseBytes: s.totals.InuseBytes, InuseObjects: s.totals.InuseObjects,
		Samples: s.totals.Samples, StdErrBytes: math.Sqrt(s.variance + unseen*unseen), LargestBytes: s.largest,
	}
}

func bySize(a, b *siteSum) int {
	if c := cmp.Compare(b.totals.AllocBytes, a.totals.AllocBytes); c != 0 {
		return c // no name is looked at where the size decides
	}
	return cmp.Or(
		cmp.Compare(a.place.Function, b.place.Function), cmp.Compare(a.place.File, b.place.File), cmp.Compare(a.place.Line, b.place.Line),
		cmp.Compare(classes[a.class], classes[b.class]),
	)
}
