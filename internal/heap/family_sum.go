// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/heapgate/heapgate/internal/stacktext"
)

// familySums adds up lines by family. Owners are compared by place, since one line may have several frames.
type familySums struct {
	index map[familyKey]int32 // in all
	all   []FamilySite
}

type familyKey struct {
	stacktext.Place
	family int // index in familyOrder
}

// idleFamilySums are for the next snapshots: *familySums.
var idleFamilySums sync.Pool

func newFamilySums() *familySums {
	if s, ok := idleFamilySums.Get().(*familySums); ok {
		return s
	}
	return &familySums{index: map[familyKey]int32{}}
}

// close keeps the memory, unless it is much, and holds no name.
func (s *familySums) close() {
	if len(s.all) > 8<<10 {
		return
	}
	clear(s.index)
	clear(s.all)
	s.all = s.all[:0]
	idleFamilySums.Put(s)
}

func (s *familySums) add(owner stacktext.Place, family int, bytes, objects, samples int64) {
	if bytes == 0 {
		return
	}
	key := familyKey{owner, family}
	i, ok := s.index[key]
	if !ok {
		i = int32(len(s.all))
		s.index[key] = i
		s.all = append(s.all, FamilySite{Function: owner.Function, File: owner.File, Line: owner.Line, Family: familyOrder[family]})
	}
	sum := &s.all[i]
	sum.AllocBytes += bytes
	sum.AllocObjects += objects
	sum.Samples += samples
}

// sites gives the sums, the largest first.
func (s *familySums) sites() []FamilySite {
	slices.SortFunc(s.all, func(a, b FamilySite) int {
		if c := cmp.Compare(b.AllocBytes, a.AllocBytes); c != 0 {
			return c // no name is looked at where the size decides
		}
		return cmp.Or(
			strings.Compare(a.Function, b.Function), strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			strings.Compare(string(a.Family), string(b.Family)),
		)
	})
	return slices.Clone(s.all)
}

// take adds a group to the family that its stack belongs to, if any: as the site's, or, where that is a library's, as that of
// its owners.
func (s *familySums) take(t *Text, c stacktext.Chain, g *group, r *told) {
	if r.collector || !c.Sited {
		return
	}
	site := &t.table.Frames[c.Path[len(c.Path)-1]]
	if site.Mark&stacktext.Library == 0 {
		if family, ok := familyOf(r.marks, r.known); ok {
			s.add(site.Place, family, g.totals.AllocBytes, g.totals.AllocObjects, g.totals.Samples)
		}
		return
	}
	for i := g.owned; i > 0; i = t.owned[i-1].next {
		o := &t.owned[i-1]
		if family, ok := familyOf(r.marks|o.between, r.known); ok {
			s.add(t.table.Frames[o.owner].Place, family, o.bytes, o.objects, o.samples)
		}
	}
}
