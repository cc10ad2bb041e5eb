// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"encoding/binary"
	"math/bits"
)

// Nearly all locations and samples that Go writes are of one shape. It is read here in words of eight bytes, which may reach
// beyond the message into the window's memory, and without asking for more at each number than whether it has one byte or
// two; what is of another shape is left to
// quickLocation and quickSample.

// within reports whether the words of a message can be read: that there are 8 bytes more behind its end.
func within(window []byte, end int) ([]byte, bool) {
	if end+8 > cap(window) {
		return nil, false
	}
	return window[:cap(window)], true
}

// usualVarint takes a number out of a word, and gives how many bytes it has: 9 if the word has not all of them.
func usualVarint(w uint64) (n uint64, size int) {
	ends := ^w & 0x8080808080808080
	w &= ends ^ (ends - 1)
	w = w&0x007f007f007f007f | w&0x7f007f007f007f00>>1
	w = w&0x00003fff00003fff | w&0x3fff00003fff0000>>2
	return w&0x000000000fffffff | w&0x0fffffff00000000>>4, bits.TrailingZeros64(ends)>>3 + 1
}

// usualLocations takes the locations `id address line{function line} ...`, and the functions between them, that stand at an
// index, as long as they are those that the build has in this order. It gives the index of what is something else.
func (r *ProtoReader) usualLocations(b []byte, at int) int {
	q, spots := &r.quick, r.sums.build.spots
	last := int(q.spots[len(q.spots)-1])
	for at+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[at:])
		size := int(w >> 8 & 0x7f)
		next := at + 2 + size
		if next > len(b)-8 || w&0x8000 != 0 {
			break
		}
		if w&0xff == keyFunction { // its name is the Build's
			at = next
			continue
		}
		id := len(q.spots)
		if w&0xff != keyLocation || size < 8 || last+1 >= len(spots) || id > r.limits.Locations {
			break
		}
		w = binary.LittleEndian.Uint64(b[at+2:])
		from := at + 5
		if id < 1<<7 {
			if w&0xffffff != 1<<3|uint64(id)<<8|3<<19 {
				break
			}
		} else if from++; id >= 1<<14 || w&0xffffffff != 1<<3|uint64(id&0x7f|0x80)<<8|uint64(id>>7)<<16|3<<27 {
			break
		}
		address, n := usualVarint(binary.LittleEndian.Uint64(b[from:]))
		spot := &spots[last+1]
		if from += n; n > 8 || from+8 > next || address-q.base != spot.offset {
			break
		}
		w = binary.LittleEndian.Uint64(b[from:]) // a key, a length, a key, the function of up to 2 bytes, a key, the line of up to 2
		if w&0xff80ff != 4<<3|2|1<<19 || (w>>24)&(w>>32)&0x80 != 0 {
			break
		}
		// Whether it is one byte or two is not asked but computed: it cannot be guessed.
		w >>= 32 + w>>28&8
		two := w >> 15 & 1
		if w&0xff != 2<<3 || w>>23&two != 0 || w>>8&0x7f|w>>9&0x3f80&-two != uint64(spot.line) {
			break
		}
		last++
		q.spots = append(q.spots, int32(last))
		q.flags[id] = spot.flags
		q.others = q.others || spot.flags&isObserverSpot != 0
		at = next
	}
	return at
}

// usualSample adds `values locations label` in window[at:end], both packed. not ok: it is of another shape, and nothing was added.
func (r *ProtoReader) usualSample(window []byte, at, end int) (ok bool, err error) {
	b, ok := within(window, end)
	if !ok || end-at < 16 {
		return false, nil
	}
	w := binary.LittleEndian.Uint64(b[at:])
	if w&0x80ff != 2<<3|2 {
		return false, nil
	}
	at += 2
	stack := at + int(w>>8&0x7f)
	if stack > end-2 {
		return false, nil
	}
	var v [4]int64
	for i := range v {
		n, size := usualVarint(binary.LittleEndian.Uint64(b[at:]))
		v[i] = int64(n)
		if at += size; at > stack || size > 8 {
			return false, nil
		}
		if i == 1 && at+2 == stack && b[at]|b[at+1] == 0 { // most often nothing is in use
			at = stack
			break
		}
	}
	if at != stack {
		return false, nil
	}
	if v[0]|v[1]|v[2]|v[3] == 0 {
		return true, nil
	}
	w = binary.LittleEndian.Uint64(b[stack:])
	if w&0xff != 1<<3|2 {
		return false, nil
	}
	two := w >> 15 & 1
	if w>>23&two != 0 {
		return false, nil
	}
	size := int(w>>8&0x7f | w>>9&0x3f80&-two)
	stack += 2 + int(two)
	label := stack + size
	if size == 0 || label >= end {
		return false, nil
	}
	// The label is the last field: its key and its length, the string's key and number, the size's key.
	w = binary.LittleEndian.Uint64(b[label:])
	if bytes := r.sums.build.layout.bytes(); bytes >= 0x80 || end-label-2 >= 0x80 || w&0xffffffffff != 3<<3|2|uint64(end-label-2)<<8|1<<19|bytes<<24|3<<35 {
		return false, nil
	}
	if label+5 >= end {
		return false, nil
	}
	block, n := usualVarint(binary.LittleEndian.Uint64(b[label+5:]))
	if label+5+n != end {
		return false, nil
	}
	k := noStack
	if _, err := r.quickStack(&k, b[stack:label]); err != nil {
		return true, err
	}
	if !r.sums.add(&k, &v, int64(block)) {
		return true, errSums
	}
	return true, nil
}
