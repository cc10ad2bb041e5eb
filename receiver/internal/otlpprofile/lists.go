// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import (
	"hash/maphash"
	"math/bits"
	"slices"
)

// seed and secret of all hashes of this process: no profile can be made to collide.
var seed, secret = maphash.String(maphash.MakeSeed(), ""), maphash.String(maphash.MakeSeed(), "")

// fold mixes v into a hash, with one multiplication of 64 x 64 bits.
func fold(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^v, 0x9e3779b97f4a7c15)
	return hi ^ lo
}

// lists gives each distinct list of numbers an index, from 0 on in the order they came: an open hash table over one arena.
// Lists are compared number by number, so a collision costs time and nothing else.
type lists struct {
	ints   []int32
	ends   []int    // of list i in ints
	hashes []uint64 // of list i
	slots  []int32  // 1 + index; 0 is free
}

func (l *lists) len() int { return len(l.ends) }

// at is list i.
func (l *lists) at(i int) []int32 {
	if i == 0 {
		return l.ints[:l.ends[0]]
	}
	return l.ints[l.ends[i-1]:l.ends[i]]
}

func (l *lists) reset() {
	l.ints, l.ends, l.hashes = l.ints[:0], l.ends[:0], l.hashes[:0]
	clear(l.slots)
}

// intern gives the index of a list, and whether it came for the first time.
func (l *lists) intern(list []int32) (index int32, isNew bool) {
	if 2*(len(l.ends)+1) > len(l.slots) {
		l.grow()
	}
	h := hashOf(list)
	mask := uint64(len(l.slots) - 1)
	slot := h & mask
	for ; l.slots[slot] != 0; slot = (slot + 1) & mask {
		i := l.slots[slot] - 1
		if l.hashes[i] == h && slices.Equal(l.at(int(i)), list) {
			return i, false
		}
	}
	l.ints = append(l.ints, list...)
	l.ends, l.hashes = append(l.ends, len(l.ints)), append(l.hashes, h)
	l.slots[slot] = int32(len(l.ends))
	return int32(len(l.ends) - 1), true
}

func (l *lists) grow() {
	l.slots = make([]int32, max(64, 2*len(l.slots)))
	mask := uint64(len(l.slots) - 1)
	for i, h := range l.hashes {
		slot := h & mask
		for l.slots[slot] != 0 {
			slot = (slot + 1) & mask
		}
		l.slots[slot] = int32(i + 1)
	}
}

// hashOf takes four numbers with one multiplication, as wyhash does.
func hashOf(list []int32) uint64 {
	h := seed ^ uint64(len(list))
	for ; len(list) >= 4; list = list[4:] {
		hi, lo := bits.Mul64(whole(list[0], list[1])^secret, whole(list[2], list[3])^h)
		h = hi ^ lo
	}
	for _, v := range list {
		h = fold(h, uint64(uint32(v)))
	}
	return fold(h, secret)
}
