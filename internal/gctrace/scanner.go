// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"io"

	"github.com/heapgate/heapgate/internal/crash"
)

const bufferSize = 64 << 10

// Scanner reads records out of a stream. A record is delivered as soon as its last byte was read.
type Scanner struct {
	r     io.Reader
	set   Settings
	buf   []byte
	lo    int // buf[lo:hi] is not consumed
	hi    int
	base  int64 // offset of buf[0]
	lines lines // before buf[lo]
	eof   bool
	err   error

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
	scanner := &Scanner{r: r, set: s.withDefaults(), buf: make([]byte, bufferSize)}
	if s.Crashes != nil {
		s.Crashes.Begin(scanner.origin)
	}
	return scanner
}

// origin is where a byte of the text stands in the input, if the input is wrapped.
func (s *Scanner) origin(offset int64) (crash.Position, bool) {
	if p, ok := s.r.(positioned); ok {
		if m, ok := p.position(offset); ok {
			return crash.Position{Offset: m.at, Line: m.line, Time: m.stamp.time()}, true
		}
	}
	return crash.Position{}, false
}

// Record is the record that the last Scan found. It is valid until the next Scan.
func (s *Scanner) Record() Record { return s.rec }

// Counts of the records so far.
func (s *Scanner) Counts() Counts { return s.counts }

// Neighbours counts the other traces so far.
func (s *Scanner) Neighbours() Neighbours { return s.lines.found }

// Err is the first error of the reader, other than io.EOF.
func (s *Scanner) Err() error { return s.err }

// Scan finds the next record. It is false at the end of the stream or after an error of the reader.
func (s *Scanner) Scan() bool {
	found := s.scan()
	if !found && s.set.Crashes != nil {
		s.set.Crashes.Flush()
	}
	return found
}

func (s *Scanner) scan() bool {
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
	b := s.buf[s.lo : s.lo+n]
	s.lo += n
	s.lines.add(b)
	if s.set.Crashes != nil {
		s.set.Crashes.Text(b)
	}
}

// record consumes an intact record, and its newline if it has ended.
func (s *Scanner) record(b []byte, ended bool) {
	s.lo += len(b)
	s.lines.record(b, ended)
	if s.set.Crashes != nil {
		s.set.Crashes.Skip(b)
	}
}

// positioned is a reader that knows where in its input the bytes come from that it hands out.
type positioned interface {
	track() // from now on
	position(offset int64) (mark, bool)
	forget(offset int64) // positions before it will not be asked for
}
