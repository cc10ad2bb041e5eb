// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"encoding/binary"
	"math"
)

// quickSample adds the sample window[at:end]: packed values, locations packed or not, one label.
func (r *ProtoReader) quickSample(window []byte, at, end int) error {
	if ok, err := r.usualSample(window, at, end); ok {
		return err
	}
	message := window[at:end]
	var v [4]int64
	var size int64
	k := noStack
	frames := 0
	for at := 0; at < len(message); {
		key := message[at]
		value, next := protoVarint(message, at+1)
		if next < 0 {
			return errCareful
		}
		if key == 1<<3 { // a location that is not packed
			if err := r.quickFrame(&k, value, frames); err != nil {
				return err
			}
			frames++
			at = next
			continue
		}
		if key&7 != 2 || value > uint64(len(message)-next) {
			return errCareful
		}
		end := next + int(value)
		switch key {
		case 2<<3 | 2:
			if !quickValues(message[next:end], &v) {
				return errCareful
			}
			if v == [4]int64{} {
				return nil
			}
		case 1<<3 | 2:
			if frames > 0 {
				return errCareful
			}
			var err error
			if frames, err = r.quickStack(&k, message[next:end]); err != nil {
				return err
			}
		case 3<<3 | 2:
			if size != 0 {
				return errCareful
			}
			var err error
			if size, err = r.quickLabel(message[next:end]); err != nil {
				return err
			}
		default:
			return errCareful
		}
		at = end
	}
	if frames == 0 {
		return errCareful
	}
	if !r.sums.add(&k, &v, size) {
		return errSums
	}
	return nil
}

func quickValues(b []byte, v *[4]int64) bool {
	at := 0
	for i := range v {
		if at < len(b) && b[at] < 0x80 { // nothing is in use
			v[i] = int64(b[at])
			at++
			continue
		}
		n, next := longVarint(b, at)
		if next < 0 {
			return false
		}
		v[i], at = int64(n), next
	}
	return at == len(b)
}

// quickFrame takes one location.
func (r *ProtoReader) quickFrame(k *protoStack, id uint64, n int) error {
	q := &r.quick
	if id >= uint64(len(q.spots)) || id == 0 || n == r.limits.Frames {
		return errCareful
	}
	spot := &r.sums.build.spots[q.spots[id]]
	if n == 0 {
		k.leaf, k.way = q.spots[id], spot.way
	}
	if k.site < 0 {
		k.see(&spot.frames)
	} else if spot.flags&isObserverSpot != 0 {
		k.observer = true
	}
	return nil
}

// quickStack takes packed locations. Behind the site it only looks for the observer, if he was met at all.
func (r *ProtoReader) quickStack(k *protoStack, b []byte) (n int, err error) {
	q, at, spots := &r.quick, 0, r.sums.build.spots
	for ; at < len(b) && k.site < 0; n++ {
		var id uint
		if at+2 <= len(b) && b[at]&b[at+1] < 0x80 {
			two := uint(b[at]) >> 7
			id = uint(b[at])&0x7f | uint(b[at+1])<<7&-two
			at += 1 + int(two)
		} else {
			long, next := protoVarint(b, at)
			if next < 0 || long > math.MaxInt32 {
				return 0, errCareful
			}
			id, at = uint(long), next
		}
		if id-1 >= uint(len(q.spots)-1) || n == r.limits.Frames {
			return 0, errCareful
		}
		spot := &spots[q.spots[id]]
		if n == 0 {
			k.leaf, k.way = q.spots[id], spot.way
		}
		k.see(&spot.frames)
	}
	if !q.others || k.observer {
		return n, nil
	}
	k.observer, err = r.anyObserver(b[at:])
	return n, err
}

const tops = 0x8080808080808080 // the bits that say that a number goes on, of eight bytes

// anyObserver reports whether one of the packed locations is the observer's. Nearly all numbers have one byte or two; where
// four of two bytes follow each other, or eight of one byte, they are taken at once.
func (r *ProtoReader) anyObserver(b []byte) (bool, error) {
	all, spots := r.quick.flags, r.quick.spots
	var flags uint8
	for at := 0; at < len(b); {
		if at+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[at:])
			switch w & tops {
			case tops & 0x00ff00ff00ff00ff:
				w = w&0x007f007f007f007f | w>>1&0x3f803f803f803f80
				flags |= all[w&0x3fff] | all[w>>16&0x3fff] | all[w>>32&0x3fff] | all[w>>48]
				at += 8
				continue
			case 0:
				flags |= all[w&0xff] | all[w>>8&0xff] | all[w>>16&0xff] | all[w>>24&0xff] | all[w>>32&0xff] | all[w>>40&0xff] | all[w>>48&0xff] | all[w>>56]
				at += 8
				continue
			}
		}
		if at+4 <= len(b) { // one byte or two is not asked but computed: in a stack of both it cannot be guessed
			w := uint(binary.LittleEndian.Uint32(b[at:]))
			two := w >> 7 & 1
			if w>>15&two == 0 {
				flags |= all[w&0x7f|w>>1&0x3f80&-two]
				at += 1 + int(two)
				continue
			}
		}
		long, next := protoVarint(b, at)
		if next < 0 || long-1 >= uint64(len(spots)-1) {
			return false, errCareful
		}
		flags |= r.sums.build.spots[spots[long]].flags
		at = next
	}
	if flags&isNoSpot != 0 {
		return false, errCareful
	}
	return flags&isObserverSpot != 0, nil
}

// quickLabel reads the size of the blocks.
func (r *ProtoReader) quickLabel(b []byte) (size int64, err error) {
	var name uint64
	for at := 0; at < len(b); {
		key := b[at]
		value, next := protoVarint(b, at+1)
		if next < 0 {
			return 0, errCareful
		}
		switch key {
		case 1 << 3:
			name = value
		case 3 << 3:
			size = int64(value)
		default:
			return 0, errCareful
		}
		at = next
	}
	if name != r.sums.build.layout.bytes() {
		return 0, errCareful
	}
	return size, nil
}
