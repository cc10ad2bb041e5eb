// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"slices"
	"time"

	"github.com/heapgate/heapgate/internal/gctrace"
)

const (
	maxSegments = 64
	maxMarks    = 64
)

// trail remembers from which files the bytes of one reader came.
type trail struct {
	handed   int64 // bytes so far
	segments []segment
}

// segment is what came from one file, between two rotations.
type segment struct {
	from  int64 // bytes that came before it
	base  int64 // offset in the file at which it begins
	inode uint64
	after string
	seen  time.Time
	head  []byte // first bytes of the file, as far as they were read
	near  []byte // last bytes that were read
	marks []mark // where reads ended; the newest one before a checkpoint is kept with it
}

// mark is an offset of the file and the hash of the bytes before it.
type mark struct {
	at    int64
	hash  uint64
	bytes int
}

func (t *trail) open(inode uint64, offset int64, after string, now time.Time) {
	if len(t.segments) == maxSegments {
		t.segments = append(t.segments[:0], t.segments[1:]...)
	}
	t.segments = append(t.segments, segment{from: t.handed, base: offset, inode: inode, after: after, seen: now})
}

// newest is the file that is open.
func (t *trail) newest() *segment { return &t.segments[len(t.segments)-1] }

// read notes bytes that stand at an offset of the newest file.
func (t *trail) read(offset int64, b []byte, now time.Time) {
	t.handed += int64(len(b))
	s := t.newest()
	s.seen = now
	if offset == int64(len(s.head)) && len(s.head) < maxHead {
		s.head = append(s.head, b[:min(len(b), maxHead-len(s.head))]...)
	}
	if len(b) >= maxNear {
		s.near = append(s.near[:0], b[len(b)-maxNear:]...)
	} else {
		s.near = append(s.near, b...)
		s.near = append(s.near[:0], s.near[max(0, len(s.near)-maxNear):]...)
	}
	if len(s.marks) == maxMarks { // no checkpoint for long: every second one will do
		for i := range maxMarks / 2 {
			s.marks[i] = s.marks[2*i]
		}
		s.marks = s.marks[:maxMarks/2]
	}
	s.marks = append(s.marks, mark{offset + int64(len(b)), hash(s.near), len(s.near)})
}

// resumed makes the newest file the one of the place.
func (t *trail) resumed(p *place, head []byte) {
	s := t.newest()
	s.head, s.seen = head, p.Seen
	if p.NearBytes > 0 {
		s.marks = []mark{{p.Mark, p.Near, p.NearBytes}}
	}
}

// place finds the file in which a checkpoint of everything that was read lies. Segments before it are forgotten: later
// checkpoints lie behind it.
func (t *trail) place(c gctrace.Checkpoint) (place, bool) {
	for len(t.segments) > 1 && t.segments[1].from <= c.Offset {
		t.segments = t.segments[1:]
	}
	if len(t.segments) == 0 || t.segments[0].from > c.Offset {
		return place{}, false
	}
	s := &t.segments[0]
	c.Offset = s.base + c.Offset - s.from
	p := place{Inode: s.inode, Head: hash(s.head), HeadBytes: len(s.head), After: s.after, Seen: s.seen, Checkpoint: c}
	n := 0
	for n < len(s.marks) && s.marks[n].at <= c.Offset {
		n++
	}
	if n > 0 {
		m := s.marks[n-1]
		s.marks = slices.Delete(s.marks, 0, n-1)
		p.Mark, p.Near, p.NearBytes = m.at, m.hash, m.bytes
	}
	return p, true
}

// here is the place up to which the newest file was read.
func (t *trail) here() place {
	s := t.newest()
	p := place{Inode: s.inode, Head: hash(s.head), HeadBytes: len(s.head), After: s.after, Seen: s.seen}
	p.Offset = s.base + t.handed - s.from
	if n := len(s.marks); n > 0 && s.marks[n-1].at == p.Offset {
		p.Mark, p.Near, p.NearBytes = s.marks[n-1].at, s.marks[n-1].hash, s.marks[n-1].bytes
	}
	return p
}
