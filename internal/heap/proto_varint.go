// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"encoding/binary"
	"math/bits"
)

// protoVarint reads a number at an index and gives the index behind it, -1 for none.
func protoVarint(b []byte, at int) (uint64, int) {
	if uint(at) < uint(len(b)) && b[at] < 0x80 {
		return uint64(b[at]), at + 1
	}
	return longVarint(b, at)
}

// longVarint is for numbers of more than a byte. Where the memory has 8 bytes, also behind the message, it takes the groups
// of 7 bits together without a loop.
//
//go:noinline
func longVarint(b []byte, at int) (n uint64, next int) {
	if at < 0 {
		return 0, -1
	}
	if at+8 <= cap(b) {
		w := binary.LittleEndian.Uint64(b[at : at+8])
		if ends := ^w & 0x8080808080808080; ends != 0 {
			if next = at + bits.TrailingZeros64(ends)>>3 + 1; next > len(b) {
				return 0, -1
			}
			w &= ends ^ (ends - 1)
			w = w&0x007f007f007f007f | w&0x7f007f007f007f00>>1
			w = w&0x00003fff00003fff | w&0x3fff00003fff0000>>2
			return w&0x000000000fffffff | w&0x0fffffff00000000>>4, next
		}
	}
	for i := 0; i < 10 && at+i < len(b); i++ {
		c := b[at+i]
		n |= uint64(c&0x7f) << (7 * i & 63)
		if c < 0x80 {
			return n, at + i + 1
		}
	}
	return 0, -1
}

// protoField reads a number that must stand at an index with this key, and gives the index behind it, -1 for none.
func protoField(m []byte, at int, key byte) (uint64, int) {
	if uint(at) >= uint(len(m)) || m[at] != key {
		return 0, -1
	}
	return protoVarint(m, at+1)
}
