// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import "math"

// quickSample adds one sample: packed values, locations packed or not, one label.
func (r *ProtoReader) quickSample(message []byte) error {
	if ok, err := r.usualSample(message); ok {
		return err
	}
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
	spot := q.spots[id]
	if n == 0 {
		k.leaf = spot
	}
	if k.site < 0 {
		k.see(&r.sums.build.spots[spot])
	} else if q.flags[id]&isObserverSpot != 0 {
		k.observer = true
	}
	return nil
}

// quickStack takes packed locations. Behind the site it only looks for the observer, if he was met at all.
func (r *ProtoReader) quickStack(k *protoStack, b []byte) (n int, err error) {
	q := &r.quick
	at, spots := 0, r.sums.build.spots
	for ; at < len(b) && k.site < 0; n++ {
		id := uint(b[at])
		if at++; id >= 0x80 {
			long, next := longVarint(b, at-1)
			if next < 0 || long > math.MaxInt32 {
				return 0, errCareful
			}
			id, at = uint(long), next
		}
		if id-1 >= uint(len(q.spots)-1) || n == r.limits.Frames {
			return 0, errCareful
		}
		spot := q.spots[id]
		if n == 0 {
			k.leaf = spot
		}
		k.see(&spots[spot])
	}
	if !q.others || k.observer {
		return n, nil
	}
	k.observer, err = q.anyObserver(b[at:])
	return n, err
}

// anyObserver reports whether one of the packed locations is the observer's. Nearly all numbers have one byte or two.
func (q *quickScan) anyObserver(b []byte) (bool, error) {
	all := q.flags
	var flags uint8
	for at := 0; at < len(b); {
		id := uint(b[at])
		at++
		if id >= 0x80 {
			if at == len(b) {
				return false, errCareful
			}
			high := uint(b[at])
			if id = id&0x7f | high<<7; high >= 0x80 {
				long, next := longVarint(b, at-1)
				if next < 0 {
					return false, errCareful
				}
				id, at = uint(min(long, math.MaxInt32)), next-1
			}
			at++
		}
		if id >= uint(len(all)) {
			return false, errCareful
		}
		flags |= all[id]
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
