// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"encoding/binary"
	"math/bits"
)

// keptSums are the sums of one read, packed: they stay for every process from read to read. A sum is its site (4 bytes),
// its rank (1), the lengths of its four numbers (2: 4 bits each), and as many bytes of each, the lowest first. Behind the
// last one there are keptSlack bytes, so that numbers can be read as words.
type keptSums []byte

const (
	keptHead  = 7
	keptMost  = keptHead + 4*8 // the longest sum
	keptSlack = 8
)

// keptSum is one of them unpacked.
type keptSum struct {
	site                                               int32
	rank                                               rank
	allocBytes, allocObjects, inuseBytes, inuseObjects int64
}

// next unpacks the sum at an index, and gives the index of the one behind it. There is none at k.end().
func (k keptSums) next(at int) (sum keptSum, behind int) {
	b := k[at:]
	sum.site, sum.rank = int32(binary.LittleEndian.Uint32(b)), rank(b[4])
	lengths := uint(binary.LittleEndian.Uint16(b[5:]))
	b = b[keptHead:]
	sum.allocBytes, b, lengths = keptNumber(b, lengths)
	sum.allocObjects, b, lengths = keptNumber(b, lengths)
	sum.inuseBytes, b, lengths = keptNumber(b, lengths)
	sum.inuseObjects, b, _ = keptNumber(b, lengths)
	return sum, len(k) - len(b)
}

// keptNumber takes a number of as many bytes as the lowest four bits of lengths say.
func keptNumber(b []byte, lengths uint) (v int64, rest []byte, more uint) {
	n := lengths & 0xf
	return int64(binary.LittleEndian.Uint64(b) & (1<<(8*n) - 1)), b[n:], lengths >> 4
}

func (k keptSums) end() int { return max(len(k)-keptSlack, 0) }

// pack appends a sum in place of the slack, for which there must be room.
func (k keptSums) pack(s *protoSum) keptSums {
	at := len(k) - keptSlack
	b := k[at : at+keptMost+keptSlack]
	binary.LittleEndian.PutUint32(b, uint32(s.site))
	b[4] = byte(s.rank)
	n, lengths := keptHead, 0
	for i, v := range [...]int64{s.totals.AllocBytes, s.totals.AllocObjects, s.totals.InuseBytes, s.totals.InuseObjects} {
		binary.LittleEndian.PutUint64(b[n:], uint64(v))
		length := (bits.Len64(uint64(v)) + 7) / 8
		lengths |= length << (4 * i)
		n += length
	}
	binary.LittleEndian.PutUint16(b[5:], uint16(lengths))
	return k[:at+n+keptSlack]
}

// keep packs the sums into kept's memory.
func (s *protoSums) keep(kept keptSums) keptSums {
	if n := len(s.all)*keptMost + 2*keptSlack; cap(s.packed) < n || cap(s.packed) > 4*n+1<<20 {
		s.packed = make(keptSums, n+n/4)
	}
	packed := s.packed[:keptSlack]
	for i := range s.all {
		packed = packed.pack(&s.all[i])
	}
	if n := len(packed); cap(kept) < n || cap(kept) > 2*n+64 {
		kept = make(keptSums, n, n+n/16)
	}
	kept = kept[:len(packed)]
	copy(kept, packed)
	return kept
}
