// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"errors"
	"fmt"
)

// Wire types of protobuf's encoding, https://protobuf.dev/programming-guides/encoding. Groups are refused.
const (
	varintType  = 0
	fixed64Type = 1
	bytesType   = 2
	fixed32Type = 5
)

var (
	errShort  = errors.New("field goes beyond its message")
	errVarint = errors.New("varint has more than 10 bytes")
)

// field is one field of a message: a number, or bytes.
type field struct {
	tag  int
	wire int
	n    uint64
	data []byte
}

// varint takes a number from the head of b. Bits beyond the 64th are dropped.
func varint(b []byte) (n uint64, rest []byte, err error) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), b[1:], nil
	}
	for i := 0; i < len(b) && i < 10; i++ {
		n |= uint64(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return n, b[i+1:], nil
		}
	}
	if len(b) >= 10 {
		return 0, nil, errVarint
	}
	return 0, nil, errShort
}

// nextField takes a field from the head of b. It gives errShort where b ends within it.
func nextField(b []byte) (f field, rest []byte, err error) {
	key, b, err := varint(b)
	if err != nil {
		return f, nil, err
	}
	f.tag, f.wire = int(key>>3), int(key&7)
	var size uint64
	switch f.wire {
	case varintType:
		f.n, b, err = varint(b)
		return f, b, err
	case fixed64Type:
		size = 8
	case fixed32Type:
		size = 4
	case bytesType:
		if size, b, err = varint(b); err != nil {
			return f, nil, err
		}
	default:
		return f, nil, fmt.Errorf("got wire type %d of field %d, want 0, 1, 2 or 5", f.wire, f.tag)
	}
	if size > uint64(len(b)) {
		f.n = size
		return f, nil, errShort
	}
	f.data, b = b[:size], b[size:]
	return f, b, nil
}

// number is the value of a field that must be a varint.
func (f *field) number() (uint64, error) {
	if f.wire != varintType {
		return 0, f.mistyped(varintType)
	}
	return f.n, nil
}

// message gives the bytes of a field that must have some.
func (f *field) message() ([]byte, error) {
	if f.wire != bytesType {
		return nil, f.mistyped(bytesType)
	}
	return f.data, nil
}

func (f *field) mistyped(want int) error {
	return fmt.Errorf("got wire type %d of field %d, want %d", f.wire, f.tag, want)
}

// numbers calls yield for each number of a repeated field, packed or not.
func (f *field) numbers(yield func(uint64) error) error {
	if f.wire != bytesType {
		n, err := f.number()
		if err != nil {
			return err
		}
		return yield(n)
	}
	for rest := f.data; len(rest) > 0; {
		var n uint64
		var err error
		if n, rest, err = varint(rest); err != nil {
			return err
		}
		if err = yield(n); err != nil {
			return err
		}
	}
	return nil
}

// scalars reads the varint fields of a message into the variables of their tags; a nil variable's field is of no interest.
func scalars(message []byte, into ...*uint64) error {
	for len(message) > 0 {
		f, rest, err := nextField(message)
		if err != nil {
			return err
		}
		if f.tag < len(into) && into[f.tag] != nil {
			if *into[f.tag], err = f.number(); err != nil {
				return err
			}
		}
		message = rest
	}
	return nil
}
