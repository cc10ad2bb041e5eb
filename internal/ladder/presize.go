// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package ladder

import "math"

// Made is what is known of maps that are made at one line, filled and dropped, all about equally large: sums over many of them.
type Made struct {
	Largest   float64 // bytes of the largest block that was sampled
	Allocated float64 // bytes, estimated
	Objects   float64 // blocks, estimated
	Samples   float64 // blocks that were sampled
	Rate      float64 // MemProfileRate in bytes, 0 for the default
}

// fewestSamples that a capacity is read from: with fewer the largest block may not be among them.
const fewestSamples = 16

// Presize gives how many entries to make such maps with, so that they hardly grow, and tells whether that can be known.
//
// A profile gives neither the number of maps nor the size of an entry, but a map that grew to 2^k groups has allocated blocks of
// known sizes, so that two numbers tell k:
//
//   - The largest block over the mean one. About k+1 blocks (Swiss: twice that, as each table has a header) are together about
//     twice the last one. The small blocks decide it, which are seldom sampled.
//   - The mean bytes that a sample stands for: s/(1-e^(-s/rate)) of a block of s bytes, about rate + s/2. The large blocks decide
//     it, so that few samples do; it tells how many full tables a Swiss map has, and whether all maps are of one size.
//
// It is known where the sampling errors (95 %) leave three neighbouring k at most: then the middle one, the smaller of two. So it is
// off by one doubling at most. Maps of very different sizes fit no k, or make the number too large.
func (r Runtime) Presize(m Made) (entries int, ok bool) {
	if r.Maps == Either || !(m.Largest > 0 && m.Allocated > 0 && m.Objects > 0 && m.Samples >= fewestSamples) ||
		math.IsInf(m.Largest+m.Allocated+m.Objects+m.Samples, 0) || m.Largest > most {
		return 0, false
	}
	if m.Rate <= 0 {
		m.Rate = DefaultRate
	}
	least, largest := mostDoublings+1, -1
	for slot := leastSlot; slot <= mostSlot; slot++ {
		if !usual(r.Maps, slot) {
			continue
		}
		top, rungs, possible := reaching(r.Maps, slot, int64(m.Largest))
		if !possible {
			continue
		}
		last := top
		if r.Maps == Swiss && top == topSwiss {
			last = mostDoublings // it has several tables
		}
		for k := top; k <= last; k++ {
			if making := makingOf(r.Maps, rungs[:top+1], k, m.Rate); making.fits(&m) {
				least, largest = min(least, k), max(largest, k)
			}
		}
	}
	if largest < 0 || largest > least+2 || largest > mostDoublings-2 {
		return 0, false
	}
	if largest > least {
		largest-- // too few entries cost another doubling, too many cost memory
	}
	return r.capacity(largest), true
}

// capacity is how many entries 2^k groups hold. Where the load is not known, the smallest: then it is not one too many.
func (r Runtime) capacity(k int) int {
	if k == 0 {
		return groupSlots
	}
	load := r.Load
	if load == 0 {
		load = 6
	}
	return int(math.Ldexp(load, k))
}

const (
	// Keys and elements of fewer or more bytes than this are rare. Without that limit, a map of two full tables of small entries
	// would look like one of 100 large ones.
	leastSlot, mostSlot = 8, 128
	// mostDoublings of a map that is made for a request: 900,000 entries.
	mostDoublings = 17
)

// usual tells whether keys and elements often have so many bytes together: words, and in the maps before Go 1.24, which do not pad
// them, words and a bool.
func usual(maps Maps, slot int) bool { return slot%4 == 0 || maps == Old && slot%8 == 1 }

// reaching gives the blocks of a map of such entries up to that with the largest block, and how often it doubled until there.
func reaching(maps Maps, slot int, largest int64) (top int, blocks [topOld + 1]float64, possible bool) {
	rungs := ladders[maps]()[slot-1]
	for top < len(rungs) && rungs[top].headed < largest {
		top++
	}
	if top == len(rungs) || top > mostDoublings || rungs[top].plain != largest && rungs[top].headed != largest {
		return 0, blocks, false
	}
	for i := range rungs[:top+1] {
		blocks[i] = float64(rungs[i].headed)
		if rungs[top].plain == largest {
			blocks[i] = float64(rungs[i].plain)
		}
	}
	return top, blocks, true
}

// making is what one map allocates on its way to 2^k groups: sums over its blocks.
type making struct {
	largest, bytes, objects float64
	sampled                 float64 // blocks, expected
	stands2                 float64 // of the sampled blocks: the square of the bytes that one stands for
	missed                  float64 // variance of the number of objects
	ratioSlack, meanSlack   float64 // from what differs between maps of one k
}

// ratio of the largest block to the mean one.
func (m *making) ratio() float64 { return m.largest * m.objects / m.bytes }

// mean bytes that a sample stands for.
func (m *making) mean() float64 { return m.bytes / m.sampled }

func (m *making) add(size, blocks, rate float64) {
	p := 1.0
	if rate > 1 {
		p = -math.Expm1(-size / rate)
	}
	m.bytes += size * blocks
	m.objects += blocks
	m.sampled += p * blocks
	m.stands2 += size * size / p * blocks
	m.missed += (1 - p) / p * blocks
}

// makingOf a map of 2^k groups that has these tables or arrays; more are as large as the last one.
func makingOf(maps Maps, arrays []float64, k int, rate float64) (m making) {
	const tableHeader, pointer = 32, 8
	top := len(arrays) - 1
	m.largest = arrays[top]
	for _, size := range arrays {
		m.add(size, 1, rate)
	}
	m.meanSlack = 0.03 * m.largest
	if k == 0 {
		m.ratioSlack = 0.1
		return m
	}
	if maps == Old {
		m.ratioSlack = 0.5 * m.largest / m.bytes // the first bucket counts as a box where the key has no fast function
		return m
	}
	m.ratioSlack = 0.3
	m.add(tableHeader, float64(top), rate)
	m.add(pointer, 1, rate)
	for i := range k - top { // as many splits as there are tables, after each of which there are twice as many
		before := m
		tables := math.Ldexp(1, i)
		m.add(m.largest, 2*tables, rate)
		m.add(tableHeader, 2*tables, rate)
		m.add(pointer*2*tables, 1, rate)
		// Not all maps have split as many of their tables.
		m.ratioSlack = 0.3 + math.Abs(m.ratio()-before.ratio())/2
		m.meanSlack = 0.005*m.largest + math.Abs(m.mean()-before.mean())/2
	}
	return m
}

// fits tells whether maps that were made like this may look like those.
func (m *making) fits(seen *Made) bool {
	const sure = 2 // standard errors
	maps := seen.Objects / m.objects
	ratio := seen.Largest * seen.Objects / seen.Allocated
	if math.Abs(ratio-m.ratio()) > m.ratioSlack+sure*ratio*math.Sqrt(maps*m.missed)/seen.Objects {
		return false
	}
	variance := max(0, m.stands2/m.sampled-m.mean()*m.mean()) / seen.Samples
	return math.Abs(seen.Allocated/seen.Samples-m.mean()) <= m.meanSlack+sure*math.Sqrt(variance)
}
