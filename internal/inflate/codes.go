// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package inflate

import "encoding/binary"

const (
	literalMask  = 1<<literalBits - 1
	distanceMask = 1<<distanceBits - 1
)

// refill makes sure that bits has at least 56 of them. Of n only the lowest six bits count: what is taken from it is a
// whole entry.
func refill(in []byte, at int, bits uint64, n uint) (int, uint64, uint) {
	return at + int(63-n&63)>>3, bits | binary.LittleEndian.Uint64(in[at:])<<(n&63), n&63 | 56
}

// codes decodes up to stop, or to the last 24 bytes of the input, or to the end of the block, which it reports. The longest
// literal or length with its distance has 48 bits. The entry e of the next bits is looked up early, before a match is
// copied, so that the two do not wait for each other. Five literals in a row are taken without a refill, each by
// instructions of its own: the processor guesses better what follows the first one, the second one and so on than what
// follows any.
func (r *Reader) codes(stop int) (done bool, err error) {
	in, at, bits, n, pos := r.in, r.at, r.bits, r.n, r.pos
	out, literals, distances := &r.window, &r.literals, &r.distances
	stop = min(stop, capacity-slack)
	if r.over > 0 || at+24 > len(in) {
		return false, nil
	}
	at, bits, n = refill(in, at, bits, n)
	e := literals[bits&literalMask]
	for at+24 <= len(in) && pos < stop {
		if e&isLiteral != 0 {
			bits >>= e & 63
			n -= uint(e)
			out[pos], out[pos+1] = byte(e>>16), byte(e>>24)
			pos += int(e >> 8 & 3)
			e = literals[bits&literalMask]
			if e&isLiteral != 0 {
				bits >>= e & 63
				n -= uint(e)
				out[pos], out[pos+1] = byte(e>>16), byte(e>>24)
				pos += int(e >> 8 & 3)
				e = literals[bits&literalMask]
				if e&isLiteral != 0 {
					bits >>= e & 63
					n -= uint(e)
					out[pos], out[pos+1] = byte(e>>16), byte(e>>24)
					pos += int(e >> 8 & 3)
					e = literals[bits&literalMask]
					if e&isLiteral != 0 {
						bits >>= e & 63
						n -= uint(e)
						out[pos], out[pos+1] = byte(e>>16), byte(e>>24)
						pos += int(e >> 8 & 3)
						e = literals[bits&literalMask]
						if e&isLiteral != 0 {
							bits >>= e & 63
							n -= uint(e)
							out[pos], out[pos+1] = byte(e>>16), byte(e>>24)
							pos += int(e >> 8 & 3)
							at, bits, n = refill(in, at, bits, n)
							e = literals[bits&literalMask]
							continue
						}
					}
				}
			}
			at, bits, n = refill(in, at, bits, n)
		}
		if e&isSpecial != 0 {
			if e&isSubtable != 0 {
				bits >>= literalBits
				n -= literalBits
				e = literals[e>>16+uint32(bits)&(1<<(e>>8&0xf)-1)]
			}
			if e&isLiteral != 0 {
				bits >>= e & 63
				n -= uint(e)
				out[pos] = byte(e >> 16)
				pos++
				at, bits, n = refill(in, at, bits, n)
				e = literals[bits&literalMask]
				continue
			}
			if e&isSpecial != 0 {
				done, err = r.special(e)
				bits >>= e & 63
				n -= uint(e)
				break
			}
		}
		length := int(e>>16) + int(bits&(1<<(e&63)-1)>>(e>>8&0xf))
		bits >>= e & 63
		n -= uint(e)
		e = distances[bits&distanceMask]
		if e&isSubtable != 0 {
			bits >>= distanceBits
			n -= distanceBits
			e = distances[e>>16+uint32(bits)&(1<<(e>>8&0xf)-1)]
		}
		distance := int(e>>16) + int(bits&(1<<(e&63)-1)>>(e>>8&0xf))
		from := pos - distance
		if e&isInvalid != 0 || from < r.member {
			err = r.corrupt("no such distance")
			break
		}
		bits >>= e & 63
		n -= uint(e)
		at, bits, n = refill(in, at, bits, n)
		e = literals[bits&literalMask]
		end := pos + length
		if distance < 8 {
			overlap(out[from:end], distance)
			pos = end
			continue
		}
		// Most matches are short, so two words are copied without asking.
		binary.LittleEndian.PutUint64(out[pos:], binary.LittleEndian.Uint64(out[from:]))
		binary.LittleEndian.PutUint64(out[pos+8:], binary.LittleEndian.Uint64(out[from+8:]))
		for length > 16 {
			pos, from, length = pos+16, from+16, length-16
			binary.LittleEndian.PutUint64(out[pos:], binary.LittleEndian.Uint64(out[from:]))
			binary.LittleEndian.PutUint64(out[pos+8:], binary.LittleEndian.Uint64(out[from+8:]))
		}
		pos = end
	}
	r.at, r.bits, r.n, r.pos = at, bits, n&63, pos
	return done, err
}

// special tells what an entry is that is no literal and no length.
func (r *Reader) special(e entry) (done bool, err error) {
	if e&isEnd != 0 {
		return true, nil
	}
	return false, r.corrupt("no such literal or length")
}

// overlap repeats the first distance bytes of b all over it.
func overlap(b []byte, distance int) {
	for n := distance; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}

// lastCodes does the same where the input ends.
func (r *Reader) lastCodes(stop int) (done bool, err error) {
	for r.pos < stop {
		r.fill()
		e := r.code(r.literals[:], literalBits)
		switch {
		case r.beyond():
			return false, errEnd
		case e&isSpecial != 0:
			return r.special(e)
		case e&isLiteral != 0:
			binary.LittleEndian.PutUint16(r.window[r.pos:], uint16(e>>16))
			r.pos += int(e >> 8 & 3)
			continue
		}
		length := r.value(e)
		e = r.code(r.distances[:], distanceBits)
		distance := r.value(e)
		if r.beyond() {
			return false, errEnd
		}
		if e&isInvalid != 0 || r.pos-distance < r.member {
			return false, r.corrupt("no such distance")
		}
		overlap(r.window[r.pos-distance:r.pos+length], distance)
		r.pos += length
	}
	return false, nil
}

// code finds the entry of the next bits, and takes them unless it is of a length or a distance.
func (r *Reader) code(table []entry, main int) entry {
	e := table[r.bits&(1<<main-1)]
	if e&isSubtable != 0 {
		r.take(uint(main))
		e = table[int(e>>16)+int(r.bits&(1<<(e>>8&0xf)-1))]
	}
	if e&(isLiteral|isSpecial) != 0 {
		r.take(uint(e & 0xff))
	}
	return e
}

// value is a length or a distance, whose bits it takes.
func (r *Reader) value(e entry) int {
	v := int(e>>16) + int(r.bits&(1<<(e&0xff)-1)>>(e>>8&0xf))
	r.take(uint(e & 0xff))
	return v
}
