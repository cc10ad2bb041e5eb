// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"bytes"
	"io"
)

const bufferSize = 64 << 10

// Scanner reads records out of a stream. A record is delivered as soon as its last byte was read.
type Scanner struct {
	r    io.Reader
	set  Settings
	buf  []byte
	lo   int // buf[lo:hi] is not consumed
	hi   int
	base int64 // offset of buf[0]
	line int   // of buf[lo]
	eof  bool
	err  error

	rec             Record
	cycle           Cycle
	stacks, globals *int64 // of the last cycle: equal values share one variable
	counts          Counts

	torn  *mender // the record that is being mended, if mending
	state state
	first earlier // the unfinished record inside which the next one began

	skipping int64 // bytes that a checkpoint has behind it
}

type state uint8

const (
	looking state = iota // for the start of a record
	atLine               // inside a torn record, at the start of a line
	inLine               // inside a torn record, in foreign text of a line
)

// earlier is a record that had not ended when another one began.
type earlier struct {
	at    int64 // offset of the later one; the rest is meaningless elsewhere
	gc    int64 // 0: not known
	glued bool  // the later one did not begin on a line of its own
	set   bool
}

// NewScanner returns a Scanner of r.
func NewScanner(r io.Reader, s Settings) *Scanner {
	if p, ok := r.(positioned); ok {
		p.track()
	}
	return &Scanner{r: r, set: s.withDefaults(), buf: make([]byte, bufferSize), line: 1}
}

// Record is the record that the last Scan found. It is valid until the next Scan.
func (s *Scanner) Record() Record { return s.rec }

// Counts of the records so far.
func (s *Scanner) Counts() Counts { return s.counts }

// Err is the first error of the reader, other than io.EOF.
func (s *Scanner) Err() error { return s.err }

// Scan finds the next record. It is false at the end of the stream or after an error of the reader.
func (s *Scanner) Scan() bool {
	if s.skipping > 0 && !s.resume() {
		return false
	}
	for {
		var found, more bool
		switch s.state {
		case looking:
			found, more = s.look()
		case atLine:
			found, more = s.goOn()
		case inLine:
			found, more = s.foreign()
		}
		if found {
			return true
		}
		if more && !s.fill() {
			return false
		}
	}
}

// fill reads once. It is false when nothing is left to be consumed and nothing will come.
func (s *Scanner) fill() bool {
	if s.eof {
		return false
	}
	if s.lo > 0 {
		copy(s.buf, s.buf[s.lo:s.hi])
		s.base += int64(s.lo)
		s.hi -= s.lo
		s.lo = 0
		if p, ok := s.r.(positioned); ok {
			p.forget(s.base)
		}
	}
	for range 100 {
		n, err := s.r.Read(s.buf[s.hi:])
		s.hi += n
		if err != nil {
			s.eof = true
			if err != io.EOF {
				s.err = err
			}
			return true // once more, with eof
		}
		if n > 0 {
			return true
		}
	}
	s.eof, s.err = true, io.ErrNoProgress
	return true
}

func (s *Scanner) consume(n int) {
	s.line += bytes.Count(s.buf[s.lo:s.lo+n], newline)
	s.lo += n
}

var newline = []byte{'\n'}

// positioned is a reader that knows where in its input the bytes come from that it hands out.
type positioned interface {
	track() // from now on
	position(offset int64) (line int, at int64, ok bool)
	forget(offset int64) // positions before it will not be asked for
}
