// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import "encoding/binary"

// Nearly all locations and samples that Go writes are of one shape. It is read here without asking for more at each
// number than whether it has one byte or two; what is of another shape is left to quickLocation and quickSample.

// usualLocation reads `id address line{function line} ...`. not ok: it is not the location of this id, or of another shape.
func usualLocation(m []byte, id int) (address, line uint64, ok bool) {
	at := 2
	switch {
	case len(m) < 4 || m[0] != 1<<3:
		return 0, 0, false
	case id < 1<<7:
		ok = m[1] == byte(id)
	case id < 1<<14:
		ok = m[1] == byte(id)|0x80 && m[2] == byte(id>>7)
		at = 3
	}
	if !ok || m[at] != 3<<3 {
		return 0, 0, false
	}
	if at+5 <= len(m) { // most addresses have four bytes
		w := uint64(binary.LittleEndian.Uint32(m[at+1:]))
		if w&0x80808080 == 0x00808080 {
			address = w&0x7f | w>>1&0x3f80 | w>>2&0x1fc000 | w>>3&0xfe00000
			at += 5
		} else {
			address, at = longVarint(m, at+1)
		}
	} else {
		return 0, 0, false
	}
	if at < 0 || at+9 > len(m) || m[at] != 4<<3|2 || m[at+1] >= 0x80 || m[at+2] != 1<<3 {
		return 0, 0, false
	}
	m = m[at+3:] // at least 6 bytes: the function of up to 3, a key, the line of up to 2
	at = 0
	if m[0] >= 0x80 {
		if at = 1; m[1] >= 0x80 {
			at = 2
		}
	}
	if m[at] >= 0x80 || m[at+1] != 2<<3 {
		return 0, 0, false
	}
	if line = uint64(m[at+2]); line >= 0x80 {
		line = line&0x7f | uint64(m[at+3])<<7
		ok = m[at+3] < 0x80
	}
	return address, line, ok
}

// usualSample adds `values locations label`, both packed. not ok: it is of another shape, and nothing was added.
func (r *ProtoReader) usualSample(m []byte) (ok bool, err error) {
	if len(m) < 2 || m[0] != 2<<3|2 || m[1] >= 0x80 || int(m[1]) > len(m)-2 {
		return false, nil
	}
	var v [4]int64
	end := 2 + int(m[1])
	if !quickValues(m[2:end], &v) {
		return false, nil
	}
	if v == [4]int64{} {
		return true, nil
	}
	m = m[end:]
	if len(m) < 3 || m[0] != 1<<3|2 {
		return false, nil
	}
	size, at := int(m[1]), 2
	if size >= 0x80 {
		size, at = size&0x7f|int(m[2])<<7, 3
		if m[2] >= 0x80 {
			return false, nil
		}
	}
	if size == 0 || size > len(m)-at {
		return false, nil
	}
	stack, label := m[at:at+size], m[at+size:]
	block, ok := r.usualLabel(label)
	if !ok {
		return false, nil
	}
	k := noStack
	if _, err := r.quickStack(&k, stack); err != nil {
		return true, err
	}
	if !r.sums.add(&k, &v, block) {
		return true, errSums
	}
	return true, nil
}

// usualLabel reads the field of a label that is the last one, and gives the size of the blocks.
func (r *ProtoReader) usualLabel(m []byte) (size int64, ok bool) {
	if len(m) < 6 || m[0] != 3<<3|2 || int(m[1]) != len(m)-2 || m[1] >= 0x80 || m[2] != 1<<3 || uint64(m[3]) != r.sums.build.layout.bytes() ||
		m[3] >= 0x80 || m[4] != 3<<3 {
		return 0, false
	}
	n, next := longVarint(m, 5)
	return int64(n), next == len(m)
}
