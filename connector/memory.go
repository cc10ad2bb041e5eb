// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"cmp"
	"container/list"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/heapgate/heapgate/internal/heap"
	"github.com/heapgate/heapgate/internal/topsites"
)

// memory is what is remembered of the processes that profiles came from, by resource. It is bounded in number and age; time
// is an argument. Its owner locks it.
type memory struct {
	cfg     *Config
	targets map[identity]*list.Element // of *target
	silent  *list.List                 // longest silent first
}

// identity is a hash of all resource attributes.
type identity [sha256.Size]byte

// target is one process.
type target struct {
	id    identity
	heard time.Time
	start uint64         // unix nanoseconds since when its sums count
	end   uint64         // of the last snapshot
	total sums           // last, cumulative
	sites map[site]*sums // last, cumulative: of deltas all map sites, bounded
	names topsites.Names[site]
}

// reading is what one snapshot leads to, cumulative.
type reading struct {
	start, end uint64
	rate       int64
	total      *sums
	hasInuse   bool
	sites      map[site]*sums // of maps, the named ones
	refused    int            // map sites for which there was no room
}

func newMemory(cfg *Config) *memory {
	return &memory{cfg: cfg, targets: map[identity]*list.Element{}, silent: list.New()}
}

// target finds the process, nil if there is no room for a new one.
func (m *memory) target(now time.Time, id identity) *target {
	element, ok := m.targets[id]
	if !ok {
		if len(m.targets) >= m.cfg.MaxTargets {
			return nil
		}
		element = m.silent.PushBack(&target{id: id, names: topsites.New[site](max(1, m.cfg.MaxSites/2))})
		m.targets[id] = element
	}
	t := element.Value.(*target)
	t.heard = now
	m.silent.MoveToBack(element)
	return t
}

// expire forgets who was silent for too long and says how many these were.
func (m *memory) expire(now time.Time) (n int) {
	for m.silent.Len() > 0 {
		t := m.silent.Front().Value.(*target)
		if now.Sub(t.heard) < m.cfg.ExpireAfter {
			break
		}
		m.silent.Remove(m.silent.Front())
		delete(m.targets, t.id)
		n++
	}
	return n
}

// learn takes a snapshot that is newer than the last one. A cumulative one whose total fell is of a process that was started
// again; its first delta is what a delta counts from.
func (t *target) learn(s *snapshot, w *weighed, cfg *Config) reading {
	if t.end == 0 || !s.delta && w.total.allocBytes < t.total.allocBytes {
		t.start, t.total, t.sites = s.end, sums{}, map[site]*sums{}
	}
	t.end = s.end
	r := reading{start: t.start, end: s.end, rate: s.rate, hasInuse: s.has[inuseSpace] && s.has[inuseObjects], total: &t.total}
	before := t.sites
	t.sites = w.sites
	if s.delta {
		t.total.carry(&w.total)
		for at, had := range before {
			if t.sites[at] == nil {
				t.sites[at] = &sums{}
			}
			now := *t.sites[at]
			*t.sites[at] = *had
			t.sites[at].carry(&now)
		}
	} else {
		t.total = w.total
	}
	r.refused = t.bound(8 * cfg.MaxSites)
	r.sites = t.named()
	return r
}

// carry adds a delta to what was, and takes what is in use as it is now.
func (s *sums) carry(now *sums) {
	s.inuseBytes, s.inuseObjects = 0, 0
	s.add(now)
}

// bound forgets the smallest of too many sites.
func (t *target) bound(most int) (forgotten int) {
	for _, at := range t.ranked() {
		if most--; most < 0 {
			delete(t.sites, at)
			forgotten++
		}
	}
	return forgotten
}

func (t *target) ranked() []site {
	all := make([]site, 0, len(t.sites))
	for at := range t.sites {
		all = append(all, at)
	}
	slices.SortFunc(all, func(a, b site) int {
		return cmp.Or(cmp.Compare(t.sites[b].allocBytes, t.sites[a].allocBytes), a.Compare(b.Place), cmp.Compare(a.class, b.class))
	})
	return all
}

func (t *target) named() map[site]*sums {
	t.names.Choose(t.ranked())
	named := map[site]*sums{}
	for at, s := range t.sites {
		if t.names.Has(at) {
			named[at] = s
		}
	}
	return named
}

func isMap(class heap.Class) bool { return class != heap.Value && class != heap.Unknown }
