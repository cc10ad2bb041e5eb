// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package inflate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

const (
	history  = 32 << 10
	slack    = 4*2 + 258 + 16 // literals and the longest match in one round of codes, and what copying in words writes beyond
	fresh    = 4 << 10        // what is inflated at once: little, for a caller who stops early
	MaxLeft  = 64 << 10       // the most that a caller may leave unused
	capacity = history + MaxLeft + fresh + slack
)

// ErrLeft says that the caller left more than MaxLeft bytes unused.
var ErrLeft = errors.New("more bytes unused than the window can keep")

var errEnd = io.ErrUnexpectedEOF

// CorruptError says what in a body is not as RFC 1951 and RFC 1952 have it.
type CorruptError struct {
	Offset int64 // about, in the gzip body
	Msg    string
}

func (e *CorruptError) Error() string { return fmt.Sprintf("gzip: at byte %d: %s", e.Offset, e.Msg) }

func (r *Reader) corrupt(msg string) error {
	if r.beyond() {
		return errEnd
	}
	return &CorruptError{Offset: int64(r.at), Msg: msg}
}

type state uint8

const (
	atMember state = iota // a member's head, or the end, comes next
	atBlock               // a block's head or the member's trailer
	inStored
	inCodes
	ended
)

// Reader inflates one body after another in the same memory, about 120 kB.
type Reader struct {
	bitReader
	state  state
	last   bool // the block is its member's last one
	fixed  bool // the tables are those of fixed codes
	stored int  // bytes left of a stored block
	crc    uint32
	size   uint32 // of the member, inflated
	err    error

	start, pos int // what is not used yet: window[start:pos]
	summed     int // up to where crc has the window
	member     int // where the member's bytes begin in the window: no match reaches behind it

	window    [capacity]byte
	literals  [literalEntries]entry
	distances [distanceEntries]entry
	headers   [1 << headerBits]entry
	lengths   [320]uint8
	short     shortCodes
}

// IsGzip reports whether a body begins as gzip does.
func IsGzip(body []byte) bool { return len(body) >= 2 && body[0] == 0x1f && body[1] == 0x8b }

// Reset begins a body, which must stay as it is until the next Reset.
func (r *Reader) Reset(body []byte) {
	r.bitReader = bitReader{in: body}
	r.state, r.err = atMember, nil
	r.start, r.pos, r.summed, r.member = 0, 0, 0, 0
}

// Next inflates a piece. used is how many bytes of the window that it gave before are of no interest anymore; those that
// are come again at the beginning of the next one, with at least one more behind them. The window is valid until the next
// call. The error is io.EOF when nothing is left, io.ErrUnexpectedEOF when the body breaks off, a *CorruptError, or
// ErrLeft; what was inflated before an error has been given out.
func (r *Reader) Next(used int) ([]byte, error) {
	r.start += used
	if r.pos-r.start > MaxLeft {
		return nil, ErrLeft
	}
	if r.pos > history+MaxLeft {
		r.slide()
	}
	before := r.pos
	stop := r.pos + fresh
	for r.err == nil && r.pos < stop {
		r.err = r.step(stop)
	}
	if r.pos == before {
		return nil, r.err
	}
	return r.window[r.start:r.pos], nil
}

// slide moves what is still needed to the window's beginning.
func (r *Reader) slide() {
	r.sum()
	from := min(r.start, r.pos-history)
	copy(r.window[:], r.window[from:r.pos])
	r.start, r.pos, r.summed = r.start-from, r.pos-from, r.summed-from
	r.member = max(r.member-from, 0)
}

// sum takes what is new into the checksum. It waits until that must be, for a caller who stops early.
func (r *Reader) sum() {
	r.crc = crc32.Update(r.crc, crc32.IEEETable, r.window[r.summed:r.pos])
	r.size += uint32(r.pos - r.summed)
	r.summed = r.pos
}

// step does one thing: a head, a trailer, or as much of a block as fits before stop.
func (r *Reader) step(stop int) (err error) {
	switch r.state {
	case atMember:
		return r.head()
	case atBlock:
		if r.last {
			return r.trailer()
		}
		return r.blockHead()
	case inStored:
		n := min(r.stored, len(r.in)-r.at, stop-r.pos)
		copy(r.window[r.pos:], r.in[r.at:r.at+n])
		r.pos, r.at, r.stored = r.pos+n, r.at+n, r.stored-n
		if r.stored == 0 {
			r.state = atBlock
		} else if r.at == len(r.in) {
			return errEnd
		}
	case inCodes:
		var done bool
		if done, err = r.codes(stop); err == nil && !done && r.pos < stop {
			done, err = r.lastCodes(stop)
		}
		if done {
			r.state = atBlock
		}
	}
	return err
}

// trailer checks a member.
func (r *Reader) trailer() error {
	if !r.toByte() || len(r.in)-r.at < 8 {
		return errEnd
	}
	r.sum()
	if binary.LittleEndian.Uint32(r.in[r.at:]) != r.crc || binary.LittleEndian.Uint32(r.in[r.at+4:]) != r.size {
		return r.corrupt("the checksum or the length is wrong")
	}
	r.at += 8
	r.state = atMember
	return nil
}
