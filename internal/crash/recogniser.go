// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"bytes"
	"maps"
	"time"
)

// Recogniser finds crashes in a text that comes in pieces. It holds one line and one crash at a time. All of its methods
// are for one goroutine.
type Recogniser struct {
	deliver func(Crash)
	origin  func(offset int64) (Position, bool)
	counts  map[Kind]int64

	offset int64 // of the next byte of the text
	line   int   // 1-based, of that byte
	place  linePlace
	held   []byte   // of the line that is held, at most maxLine
	at     Position // of that line
	idle   time.Time
	dump   dump
}

type linePlace uint8

const (
	atStart linePlace = iota // of a line
	passing                  // in a line that is not looked at
	holding                  // in a line that is held up to its newline
)

// New returns a Recogniser that calls deliver for each crash, from within Text, Idle and Flush.
func New(deliver func(Crash)) *Recogniser {
	r := &Recogniser{deliver: deliver, counts: map[Kind]int64{}}
	r.Begin(nil)
	return r
}

// Begin goes over to another text. What was unfinished in the one before is forgotten, see Flush. origin says where in the
// input the byte at an offset of the text stands; it is asked only about bytes of the piece that was given last. Without it,
// or where it does not know, the text is the input.
func (r *Recogniser) Begin(origin func(offset int64) (Position, bool)) {
	r.origin, r.offset, r.line, r.place, r.held = origin, 0, 1, atStart, r.held[:0]
	r.dump.reset()
	r.idle = time.Time{}
}

// Counts of the crashes that were delivered.
func (r *Recogniser) Counts() map[Kind]int64 { return maps.Clone(r.counts) }

// Busy reports whether what comes next is read as the rest of a dump, or of a line that may begin one. Reading cannot be
// resumed here.
func (r *Recogniser) Busy() bool { return r.dump.phase != outside || r.place == holding }

// Text takes the next piece.
func (r *Recogniser) Text(b []byte) {
	if len(b) > 0 {
		r.idle = time.Time{}
	}
	for len(b) > 0 {
		var n int
		switch {
		case r.place == holding:
			n = r.hold(b)
		case r.dump.phase == outside:
			n = r.pass(b)
		default:
			n = r.next(b)
		}
		b = b[n:]
	}
}

// Skip is Text for a piece without a newline but its last byte, where the caller knows that the line begins no dump.
func (r *Recogniser) Skip(b []byte) {
	if r.Busy() || len(b) == 0 {
		r.Text(b)
		return
	}
	r.offset += int64(len(b))
	r.place = passing
	if b[len(b)-1] == '\n' {
		r.line++
		r.place = atStart
	}
}

// pass goes over lines that begin no dump. It stops at one that may, to hold it.
func (r *Recogniser) pass(b []byte) int {
	i := 0
	for i < len(b) {
		if r.place == atStart && mayBegin[b[i]] && looksLike(b[i:min(i+maxHead, len(b))]) {
			r.offset += int64(i)
			r.holdLine()
			return i
		}
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			r.place = passing
			break
		}
		i += n + 1
		r.line++
		r.place = atStart
	}
	r.offset += int64(len(b))
	return len(b)
}

// next holds the line that begins here, or goes to the end of the one that is not looked at.
func (r *Recogniser) next(b []byte) int {
	if r.place == atStart {
		r.holdLine()
		return 0
	}
	n := bytes.IndexByte(b, '\n') + 1
	if n == 0 {
		n = len(b)
	} else {
		r.line++
		r.place = atStart
	}
	r.offset += int64(n)
	return n
}

// holdLine begins to hold the line that begins at the next byte.
func (r *Recogniser) holdLine() {
	r.place, r.held = holding, r.held[:0]
	r.at = Position{Offset: r.offset, Line: r.line}
	if r.origin != nil {
		if at, ok := r.origin(r.offset); ok {
			r.at = at
		}
	}
}

// hold takes more of the line that is held, and reads it if that is the end of it.
func (r *Recogniser) hold(b []byte) int {
	n := bytes.IndexByte(b, '\n')
	whole := n >= 0
	if !whole {
		n = len(b)
	}
	line := b[:min(n, maxLine)]
	if len(r.held) > 0 || !whole {
		r.held = append(r.held, b[:min(n, maxLine-len(r.held))]...)
		line = r.held
	}
	if whole {
		n++
		r.line++
		r.place = atStart
	}
	r.offset += int64(n)
	if whole {
		r.read(bytes.TrimSuffix(line, []byte{'\r'}))
	}
	return n
}

// Idle says that everything that is there was read. A dump that nothing has followed for a second is over: its process is
// dead.
func (r *Recogniser) Idle(now time.Time) {
	switch {
	case !r.Busy():
	case r.idle.IsZero():
		r.idle = now
	case now.Sub(r.idle) >= silence:
		r.Flush()
		r.dump.phase = outside // a dead process writes no more: what comes is of another
	}
}

// Flush says that the text has ended, for now or forever.
func (r *Recogniser) Flush() {
	if r.place == holding {
		r.place = passing
		if len(r.held) > 0 && r.held[0] != '\t' { // the line number may be cut off
			r.read(r.held)
		}
	}
	r.end()
}
