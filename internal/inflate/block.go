// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package inflate

import "encoding/binary"

// The order in which a dynamic block gives the lengths of the codes for code lengths; RFC 1951, 3.2.7.
var headerOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// bitReader takes bits from memory, the lowest of a byte first. Behind the end there are zeros; over counts them.
type bitReader struct {
	in   []byte
	at   int // next byte of in
	bits uint64
	n    uint // bits in bits
	over int  // bytes that bits has from behind the end
}

// fill makes sure that there are at least 56 bits.
func (r *bitReader) fill() {
	if r.at+8 <= len(r.in) {
		r.bits |= binary.LittleEndian.Uint64(r.in[r.at:]) << r.n
		r.at += int(63-r.n) >> 3
		r.n |= 56
		return
	}
	for r.n < 56 {
		if r.at < len(r.in) {
			r.bits |= uint64(r.in[r.at]) << r.n
			r.at++
		} else {
			r.over++
		}
		r.n += 8
	}
}

func (r *bitReader) take(n uint) uint32 {
	v := uint32(r.bits & (1<<n - 1))
	r.bits >>= n
	r.n -= n
	return v
}

// beyond reports whether bits were taken that are not there.
func (r *bitReader) beyond() bool { return r.over*8 > int(r.n) }

// toByte passes over the rest of a byte, and puts whole bytes back.
func (r *bitReader) toByte() bool {
	r.take(r.n & 7)
	back := int(r.n / 8)
	if r.over > back {
		return false
	}
	r.at -= back - r.over
	r.bits, r.n, r.over = 0, 0, 0
	return true
}

// blockHead reads the head of the next block.
func (r *Reader) blockHead() error {
	r.fill()
	r.last = r.take(1) == 1
	switch r.take(2) {
	case 0:
		return r.storedHead()
	case 1:
		r.state = inCodes
		if !r.fixed {
			r.fixedCodes()
		}
	case 2:
		r.state, r.fixed = inCodes, false
		return r.dynamicHead()
	default:
		return r.corrupt("a block of type 3")
	}
	return nil
}

func (r *Reader) storedHead() error {
	if !r.toByte() || len(r.in)-r.at < 4 {
		return errEnd
	}
	size := binary.LittleEndian.Uint16(r.in[r.at:])
	if binary.LittleEndian.Uint16(r.in[r.at+2:]) != ^size {
		return r.corrupt("a stored block whose length is not its complement's")
	}
	r.at += 4
	r.stored, r.state = int(size), inStored
	return nil
}

func (r *Reader) fixedCodes() {
	for i := range 288 {
		switch {
		case i < 144:
			r.lengths[i] = 8
		case i < 256:
			r.lengths[i] = 9
		case i < 280:
			r.lengths[i] = 7
		default:
			r.lengths[i] = 8
		}
	}
	fill(r.literals[:], literalBits, r.lengths[:288], literalSymbols[:], nil)
	for i := range 32 {
		r.lengths[i] = 5
	}
	fill(r.distances[:], distanceBits, r.lengths[:32], distanceSymbols[:], nil)
	r.fixed = true
}

// dynamicHead reads the codes of a dynamic block; RFC 1951, 3.2.7.
func (r *Reader) dynamicHead() error {
	literals, distances, codes := 257+int(r.take(5)), 1+int(r.take(5)), 4+int(r.take(4))
	if literals > 286 || distances > 30 {
		return r.corrupt("more codes than there are symbols")
	}
	clear(r.lengths[:19])
	for i := range codes {
		if r.n < 3 {
			r.fill()
		}
		r.lengths[headerOrder[i]] = uint8(r.take(3))
	}
	if !fill(r.headers[:], headerBits, r.lengths[:19], headerSymbols[:], nil) {
		return r.corrupt("a bad code for code lengths")
	}
	total := literals + distances
	for i := 0; i < total; {
		if r.n < 14 {
			r.fill()
		}
		e := r.headers[r.bits&(1<<headerBits-1)]
		if e&isInvalid != 0 {
			return r.corrupt("no such code for a code length")
		}
		r.take(uint(e & 0xff))
		symbol := e >> 16
		if symbol < 16 {
			r.lengths[i] = uint8(symbol)
			i++
			continue
		}
		var value uint8
		var times int
		switch symbol {
		case 16:
			if i == 0 {
				return r.corrupt("a repeated length without one before it")
			}
			value, times = r.lengths[i-1], 3+int(r.take(2))
		case 17:
			times = 3 + int(r.take(3))
		default:
			times = 11 + int(r.take(7))
		}
		if i+times > total {
			return r.corrupt("more code lengths than codes")
		}
		for range times {
			r.lengths[i] = value
			i++
		}
	}
	if r.beyond() {
		return errEnd
	}
	r.short.n = 0
	if !fill(r.literals[:], literalBits, r.lengths[:literals], literalSymbols[:], &r.short) {
		return r.corrupt("a bad code for literals and lengths")
	}
	pair((*[1 << literalBits]entry)(r.literals[:]), &r.short)
	if !fill(r.distances[:], distanceBits, r.lengths[literals:total], distanceSymbols[:], nil) {
		return r.corrupt("a bad code for distances")
	}
	return nil
}

const headerBits = 7

var headerSymbols = func() (s [19]entry) {
	for i := range s {
		s[i] = entry(i)<<16 | isLiteral // so that no bits of the code are noted
	}
	return s
}()
