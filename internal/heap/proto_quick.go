// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"encoding/binary"
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
	spots   []int32         // by location
	flags   *[1 << 14]uint8 // of the first of these spots, isNoSpot behind them
	others  bool            // a location of the observer was met
}

const isNoSpot = 1 << 7 // no location has this number yet

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
	q.begin(t.base)
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
	return r.sums.close()
}

// begin forgets the body before.
func (q *quickScan) begin(base uint64) {
	if cap(q.spots) > 1<<16 {
		q.spots = nil
	}
	if q.flags == nil {
		q.flags = new([1 << 14]uint8)
		for i := range q.flags {
			q.flags[i] = isNoSpot
		}
	}
	for i := range q.flags[:min(len(q.spots), len(q.flags))] {
		q.flags[i] = isNoSpot
	}
	*q = quickScan{base: base, spots: append(q.spots[:0], -1), flags: q.flags}
}

// quickFields reads the fields of a window that are whole. done: the strings have begun.
func (r *ProtoReader) quickFields(b []byte, samples *int) (used int, done bool, err error) {
	for at := 0; at < len(b); {
		key := b[at]
		if key == keyLocation {
			if at = r.usualLocations(b, at); at == len(b) {
				break
			}
			key = b[at]
		}
		if key == keyString {
			return at, true, nil
		}
		if key >= 0x80 {
			return 0, false, errCareful
		}
		var value uint64
		next := at + 2
		if at+8 <= len(b) && b[at+1]&b[at+2] < 0x80 { // a number of one byte or two, which nobody can guess
			w := binary.LittleEndian.Uint64(b[at:])
			two := w >> 15 & 1
			value = w>>8&0x7f | w>>9&0x3f80&-two
			next += int(two)
		} else if value, next = protoVarint(b, at+1); next < 0 {
			return at, false, beyondWindow(b, at)
		}
		if key&7 == 2 {
			if value > uint64(len(b)-next) {
				return at, false, nil
			}
			end := next + int(value)
			switch key {
			case keyFunction: // its name is the Build's
			case keyLocation:
				err = r.quickLocation(b[next:end])
			case keySample:
				if *samples++; *samples > r.limits.Samples {
					return 0, false, &LimitError{What: "samples", Limit: int64(r.limits.Samples)}
				}
				err = r.quickSample(b, next, end)
			case keyMapping:
				err = r.quick.mapping(b[next:end])
			case keySampleType:
				err = r.quick.sampleType(b[next:end])
			}
			if err != nil {
				return 0, false, err
			}
			next = end
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

// quickLocation looks the address of a location up. Go numbers them in the order in which it writes them.
func (r *ProtoReader) quickLocation(m []byte) error {
	q, b := &r.quick, r.sums.build
	id := len(q.spots)
	is, address, line, ok := anyLocation(m)
	if !ok || is != uint64(id) {
		return errCareful
	}
	if id > r.limits.Locations {
		return &LimitError{What: "locations", Limit: int64(r.limits.Locations)}
	}
	spot, ok := b.spotAfter(q.spots[id-1], address-q.base)
	if !ok || line != uint64(b.spots[spot].line) {
		return errCareful // it will say whether it is another build
	}
	flags := b.spots[spot].flags
	q.spots = append(q.spots, spot)
	if id < len(q.flags) {
		q.flags[id] = flags
	}
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
