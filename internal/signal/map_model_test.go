// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"math"
	"math/rand/v2"
)

// sampler is a heap profile of one site: it sees each block with the probability that its size has, and estimates what was there.
type sampler struct {
	rng   *rand.Rand
	rate  float64 // 1 sees everything
	sizes map[int64]*seenBlocks
}

type seenBlocks struct{ allocated, live float64 }

// block is one that was allocated.
type block struct {
	size int64
	seen bool
}

func newSampler(rng *rand.Rand, rate float64) *sampler {
	return &sampler{rng, rate, map[int64]*seenBlocks{}}
}

func (s *sampler) probability(size int64) float64 {
	if s.rate <= 1 {
		return 1
	}
	return -math.Expm1(-float64(size) / s.rate)
}

func (s *sampler) alloc(size int64) block {
	b := block{size, s.rng.Float64() < s.probability(size)}
	if b.seen {
		n := s.sizes[size]
		if n == nil {
			n = &seenBlocks{}
			s.sizes[size] = n
		}
		n.allocated++
		n.live++
	}
	return b
}

func (s *sampler) free(b block) {
	if b.seen {
		s.sizes[b.size].live--
	}
}

// site is the estimate as the receiver sends it: whole bytes, and the Horvitz-Thompson error.
func (s *sampler) site(key SiteKey) Site {
	var allocated, inuse, samples, objects, variance, largest float64
	for size, n := range s.sizes {
		p := s.probability(size)
		allocated += math.Floor(n.allocated * float64(size) / p)
		inuse += math.Floor(n.live * float64(size) / p)
		objects += math.Floor(n.allocated / p)
		samples += n.allocated
		variance += n.allocated * float64(size) * float64(size) * (1 - p) / (p * p)
		largest = max(largest, float64(size))
	}
	return Site{SiteKey: key, Allocated: Of(allocated), Inuse: Of(inuse), Samples: Of(samples), StdErr: Of(math.Sqrt(variance)), Objects: Of(objects), Largest: Of(largest)}
}

// mapModel is one map, as far as its memory goes.
type mapModel interface {
	insert()
	drop() // the map is garbage
}

// swissModel grows as Go 1.24 and later do: tables of up to 1024 slots, which split one by one.
type swissModel struct {
	s         *sampler
	group     int64 // bytes
	tables    []swissTable
	directory []int // of tables
	depth     int
}

type swissTable struct {
	used, slots int
	depth       int
	groups      block
}

func newSwiss(s *sampler, slot int64) *swissModel {
	m := &swissModel{s: s, group: 8 + 8*slot, directory: []int{0}}
	m.tables = []swissTable{{slots: 8, groups: s.alloc(m.group)}}
	return m
}

func (m *swissModel) insert() {
	hash := m.s.rng.Uint64()
	t := &m.tables[m.directory[hash>>1>>(63-m.depth)]]
	if t.used++; t.used <= t.slots*7/8 || t.slots == 8 && t.used <= 8 {
		return
	}
	m.s.free(t.groups)
	if t.slots < 1024 {
		t.slots *= 2
		t.groups = m.s.alloc(m.group * int64(t.slots/8))
		return
	}
	m.split(m.directory[hash>>1>>(63-m.depth)])
}

func (m *swissModel) split(at int) {
	t := m.tables[at]
	left := 0
	for range t.used {
		left += int(m.s.rng.Uint64() & 1)
	}
	if t.depth == m.depth {
		doubled := make([]int, 2*len(m.directory))
		for i, table := range m.directory {
			doubled[2*i], doubled[2*i+1] = table, table
		}
		m.directory = doubled
		m.depth++
	}
	full := 128 * m.group
	m.tables[at] = swissTable{left, 1024, t.depth + 1, m.s.alloc(full)}
	m.tables = append(m.tables, swissTable{t.used - left, 1024, t.depth + 1, m.s.alloc(full)})
	first := -1
	count := 1 << (m.depth - t.depth)
	for i, table := range m.directory {
		if table != at {
			continue
		}
		if first < 0 {
			first = i
		}
		if i >= first+count/2 {
			m.directory[i] = len(m.tables) - 1
		}
	}
}

func (m *swissModel) drop() {
	for _, t := range m.tables {
		m.s.free(t.groups)
	}
}

// oldModel grows as Go did before 1.24: one array that doubles.
type oldModel struct {
	s       *sampler
	bucket  int64
	entries int
	b       int
	array   block
}

func newOld(s *sampler, slot int64) *oldModel {
	m := &oldModel{s: s, bucket: 16 + 8*slot}
	m.array = s.alloc(m.bucket)
	return m
}

func (m *oldModel) size() int64 {
	n := int64(1) << m.b
	if m.b >= 4 {
		n += n / 16
	}
	return n * m.bucket
}

func (m *oldModel) insert() {
	if m.entries++; m.entries > 8 && float64(m.entries) > 6.5*float64(int(1)<<m.b) {
		m.b++
		m.rebuild()
	}
}

// rebuild allocates the array again: at the next size, or at the same where overflow buckets made it necessary.
func (m *oldModel) rebuild() {
	m.s.free(m.array)
	m.array = m.s.alloc(m.size())
}

func (m *oldModel) drop() { m.s.free(m.array) }
