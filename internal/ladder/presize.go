// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package ladder

import "math"

// Made is what is known of maps that are made at one line, filled and dropped, all about equally large: sums over many of them.
type Made struct {
	Largest   float64 // bytes of the largest block that was sampled
	Allocated float64 // bytes, estimated
	Objects   float64 // blocks, estimated
	Rate      float64 // MemProfileRate in bytes, 0 for the default
}

// Presize gives how many entries to make such maps with, so that they do not grow, and tells whether that can be known.
//
// A profile gives neither the number of maps nor the size of an entry, but a map that grew to 2^k groups allocated about k+1
// blocks (Swiss: twice that, as each table has a header) which together are about twice its last one. So the largest block over
// the mean one tells k, and the entries are what 2^k groups hold. It is known only where the sampling error of the mean leaves
// no more than a factor of two; then it is the larger number. Maps of very different sizes make the number too large.
func (r Runtime) Presize(m Made) (entries int, ok bool) {
	if r.Maps == Either || r.Load == 0 || !(m.Largest > 0 && m.Allocated > 0 && m.Objects > 0) || math.IsInf(m.Largest+m.Allocated+m.Objects, 0) {
		return 0, false
	}
	if m.Rate <= 0 {
		m.Rate = DefaultRate
	}
	ratio := m.Largest * m.Objects / m.Allocated
	least, largest := math.Inf(1), 0.0
	for k := 0; k <= topOld; k++ {
		one, possible := r.makingOf(m.Largest, k)
		if !possible {
			continue
		}
		expected := m.Largest * one.objects / one.bytes
		if math.Abs(ratio-expected) > one.slack+2*ratio*one.error(m) {
			continue
		}
		least, largest = min(least, one.entries), max(largest, one.entries)
	}
	if largest == 0 || largest > 2*least || largest > math.MaxInt32 {
		return 0, false
	}
	return int(largest), true
}

// Keys and elements of fewer or more bytes than this are rare. Without that limit, a map of two full tables of small entries would
// look like one of 100 large ones.
const leastSlot, mostSlot = 8, 128

// making is what one map allocates on its way to so many entries.
type making struct {
	entries, bytes, objects float64
	slack                   float64 // of the ratio, from what differs between maps of one size
	sizes                   [96]sized
	known                   int
}

type sized struct{ size, blocks float64 }

func (m *making) add(size, blocks float64) {
	m.bytes += size * blocks
	m.objects += blocks
	m.sizes[m.known] = sized{size, blocks}
	m.known++
}

// error is the relative standard error of the number of objects: the small blocks are sampled so rarely that they decide it.
func (m *making) error(seen Made) float64 {
	maps := seen.Objects / m.objects
	variance := 0.0
	for _, s := range m.sizes[:m.known] {
		p := -math.Expm1(-s.size / seen.Rate)
		if seen.Rate <= 1 {
			p = 1
		}
		variance += maps * s.blocks * (1 - p) / p
	}
	return math.Sqrt(variance) / seen.Objects
}

// makingOf a map whose largest block is this: of 2^k groups in all.
func (r Runtime) makingOf(largest float64, k int) (m making, possible bool) {
	const tableHeader, pointer = 32, 8
	top := min(k, topOf(r.Maps))
	group := largest / float64(rung(r.Maps, 1, top))
	if group < float64(groupSize(r.Maps, leastSlot)) || group > float64(Class(groupSize(r.Maps, mostSlot))) {
		return m, false
	}
	for i := 0; i <= top; i++ {
		m.add(group*float64(rung(r.Maps, 1, i)), 1)
	}
	groups := math.Ldexp(1, k)
	m.entries = math.Floor(groups * r.Load)
	if k == 0 {
		m.entries, m.slack = groupSlots, 0.1
		return m, true
	}
	if r.Maps == Old {
		m.slack = 0.5 * largest / m.bytes // the first bucket counts as a box where the key has no fast function
		return m, true
	}
	m.add(tableHeader, float64(top))
	m.add(pointer, 1)
	if splits := math.Ldexp(1, k-top) - 1; splits > 0 {
		m.add(largest, 2*splits)
		m.add(tableHeader, 2*splits)
		for i := range k - top {
			m.add(pointer*math.Ldexp(2, i), 1)
		}
	}
	m.slack = 0.3
	return m, true
}
