// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"errors"

	"github.com/heapgate/heapgate/internal/inflate"
)

// errCareful says that the body has something that only readCareful understands.
var errCareful = errors.New("to be read carefully")

// protoLayout is how the writer of a build numbers the strings that matter. All its profiles do alike.
type protoLayout struct {
	known bool
	types [8]uint64 // the types and units of the four sample types; the fourth, "bytes", is also the label's key
}

func (l *protoLayout) bytes() uint64 { return l.types[3] }

// quickScan is the state of one quick reading.
type quickScan struct {
	base    uint64
	layout  protoLayout // as far as the body has shown it
	ntypes  int
	started bool // the first mapping was met
	start   uint64
	limit   uint64
	spots   []int32 // by location
	flags   []uint8 // of these spots
	others  bool    // a location of the observer was met
}

// Keys of the fields of message Profile that Go writes: tag<<3 | wire type. All have one byte.
const (
	keySampleType = 1<<3 | 2
	keySample     = 2<<3 | 2
	keyMapping    = 3<<3 | 2
	keyLocation   = 4<<3 | 2
	keyFunction   = 5<<3 | 2
	keyString     = 6<<3 | 2
	keyPeriod     = 12 << 3
)

// readQuick adds the body up, up to the strings. errCareful is for whatever it does not expect.
func (r *ProtoReader) readQuick(t *ProtoTarget) error {
	b := t.Build
	b.mu.RLock()
	defer b.mu.RUnlock()
	if !b.layout.known {
		return errCareful
	}
	q := &r.quick
	if cap(q.spots) > 1<<16 {
		*q = quickScan{}
	}
	*q = quickScan{base: t.base, spots: append(q.spots[:0], -1), flags: append(q.flags[:0], 0)}
	r.sums.reset(b)
	r.inflate.Reset(r.wire)
	total, samples := int64(0), 0
	for used, left := 0, 0; ; {
		window, err := r.inflate.Next(used)
		if err != nil {
			return errCareful // also at io.EOF: the strings must have come
		}
		if total += int64(len(window) - left); total > r.limits.Bytes {
			return &LimitError{What: "bytes", Limit: r.limits.Bytes}
		}
		var done bool
		if used, done, err = r.quickFields(window, &samples); err != nil {
			return err
		}
		if left = len(window) - used; left > inflate.MaxLeft {
			return errCareful
		}
		if done {
			break
		}
	}
	if q.start != q.base || q.limit-q.start != b.program.size || q.ntypes != 4 || q.layout.types != b.layout.types {
		return errCareful
	}
	return nil
}

// quickFields reads the fields of a window that are whole. done: the strings have begun.
func (r *ProtoReader) quickFields(b []byte, samples *int) (used int, done bool, err error) {
	for at := 0; at < len(b); {
		key := b[at]
		if key == keyString {
			return at, true, nil
		}
		if key >= 0x80 {
			return 0, false, errCareful
		}
		var value uint64
		next := at + 2
		switch {
		case next < len(b) && b[at+1] < 0x80:
			value = uint64(b[at+1])
		case next < len(b) && b[next] < 0x80:
			value = uint64(b[at+1]&0x7f) | uint64(b[next])<<7
			next++
		default:
			if value, next = protoVarint(b, at+1); next < 0 {
				return at, false, beyondWindow(b, at)
			}
		}
		if key&7 == 2 {
			if value > uint64(len(b)-next) {
				return at, false, nil
			}
			message := b[next : next+int(value)]
			next += int(value)
			switch key {
			case keySample:
				if *samples++; *samples > r.limits.Samples {
					return 0, false, &LimitError{What: "samples", Limit: int64(r.limits.Samples)}
				}
				err = r.quickSample(message)
			case keyLocation:
				err = r.quickLocation(message)
			case keyMapping:
				err = r.quick.mapping(message)
			case keySampleType:
				err = r.quick.sampleType(message)
			}
			if err != nil {
				return 0, false, err
			}
		} else if key&7 != 0 {
			return 0, false, errCareful
		} else if key == keyPeriod {
			r.sums.setRate(int64(value))
		}
		at = next
	}
	return len(b), false, nil
}

// beyondWindow: a number that is not whole may go on in the next window, if it is no longer than numbers are.
func beyondWindow(b []byte, at int) error {
	if len(b)-at > 11 {
		return errCareful
	}
	return nil
}

// sampleType notes the strings' numbers of one of the four.
func (q *quickScan) sampleType(message []byte) error {
	if q.ntypes == 4 {
		return errCareful
	}
	for at := 0; at < len(message); {
		key := message[at]
		value, next := protoVarint(message, at+1)
		if next < 0 || key != 1<<3 && key != 2<<3 {
			return errCareful
		}
		q.layout.types[2*q.ntypes+int(key>>3)-1] = value
		at = next
	}
	q.ntypes++
	return nil
}

// mapping notes where the first one starts and ends.
func (q *quickScan) mapping(message []byte) error {
	if q.started {
		return nil
	}
	q.started = true
	for at := 0; at < len(message); {
		key := message[at]
		value, next := protoVarint(message, at+1)
		if next < 0 || key&7 != 0 {
			return errCareful
		}
		switch key {
		case 2 << 3:
			q.start = value
		case 3 << 3:
			q.limit = value
		}
		at = next
	}
	return nil
}

// quickLocation looks a location's address up. Go numbers them in the order in which it writes them.
func (r *ProtoReader) quickLocation(m []byte) error {
	q, b := &r.quick, r.sums.build
	address, line, ok := usualLocation(m, len(q.spots))
	if !ok {
		var id uint64
		if id, address, line, ok = anyLocation(m); !ok || id != uint64(len(q.spots)) {
			return errCareful
		}
	}
	if len(q.spots) > r.limits.Locations {
		return &LimitError{What: "locations", Limit: int64(r.limits.Locations)}
	}
	spot, ok := b.spotAfter(q.spots[len(q.spots)-1], address-q.base)
	if !ok || line != uint64(b.spots[spot].line) {
		return errCareful // it will say whether it is another build
	}
	flags := b.spots[spot].flags
	q.spots, q.flags = append(q.spots, spot), append(q.flags, flags)
	q.others = q.others || flags&isObserverSpot != 0
	return nil
}

// anyLocation reads id, address, lines, as Go writes them; of the lines only the first one's number matters.
func anyLocation(m []byte) (id, address, line uint64, ok bool) {
	id, at := protoField(m, 0, 1<<3)
	address, at = protoField(m, at, 3<<3)
	if at >= 0 && at < len(m) && m[at] == 4<<3|2 {
		_, at = protoVarint(m, at+1)
		_, at = protoField(m, at, 1<<3)
		if at >= 0 && at < len(m) && m[at] == 2<<3 {
			line, at = protoVarint(m, at+1)
		}
	}
	return id, address, line, at >= 0
}
