// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"bytes"
	"slices"
	"time"
)

// cursor is how far a log was read that can only be asked for by time. The API counts in seconds, lines of one moment are
// many, and two streams of a container write theirs slightly out of order. So:
//
//  1. Remember the last lines one by one, and of all before them the latest time.
//  2. Ask for everything from that time on, or from two seconds before the last line if that is later.
//  3. A line that is not later than that time was read. A later one was read if it is one of those remembered; else it is
//     new, and so is everything behind it in that answer.
//
// Lines that a clock which was set back has stamped are lost if reading is interrupted before it has caught up.
type cursor struct {
	Before int64      `json:"before,omitempty"` // Unix time in ns: the latest of the lines before Lines
	Lines  []seenLine `json:"lines,omitempty"`  // the last ones, in order
	Next   uint64     `json:"next,omitempty"`   // hash of the line behind them, of which Skip bytes were used
	Skip   int64      `json:"skip,omitempty"`
}

type seenLine struct {
	Stamp int64  `json:"at"` // Unix time in ns
	Hash  uint64 `json:"hash"`
}

const maxSeen = 64

// valid is false of a cursor that this program cannot have written.
func (c *cursor) valid() bool {
	return len(c.Lines) <= maxSeen && c.Before >= 0 && c.Skip >= 0 && c.Skip <= maxLogLine &&
		!slices.ContainsFunc(c.Lines, func(l seenLine) bool { return l.Stamp < 0 })
}

func (c *cursor) clone() cursor {
	copied := *c
	copied.Lines = slices.Clone(c.Lines)
	return copied
}

// add remembers a line that was read.
func (c *cursor) add(l seenLine) {
	if len(c.Lines) == maxSeen {
		c.Before = max(c.Before, c.Lines[0].Stamp)
		c.Lines = slices.Delete(c.Lines, 0, 1)
	}
	c.Lines = append(c.Lines, l)
}

// disorder is how much later than its neighbours a line may be written.
const disorder = 2 * time.Second

// since is from when lines have to be asked for; zero: all.
func (c *cursor) since() time.Time {
	from := c.Before
	for _, l := range c.Lines {
		from = max(from, l.Stamp-int64(disorder))
	}
	if from <= 0 {
		return time.Time{}
	}
	return time.Unix(0, from).Truncate(time.Second)
}

// sieve drops the lines of one answer that were read before.
type sieve struct {
	before int64
	seen   map[seenLine]int
	open   bool // everything from here on is new
}

func (c *cursor) sieve() *sieve {
	s := &sieve{before: c.Before, seen: map[seenLine]int{}, open: c.Before == 0 && len(c.Lines) == 0}
	for _, l := range c.Lines {
		s.seen[l]++
	}
	return s
}

// isNew is asked for each line of the answer, in order.
func (s *sieve) isNew(l seenLine) bool {
	switch {
	case s.open:
		return true
	case l.Stamp <= s.before:
		return false
	case s.seen[l] > 0:
		s.seen[l]--
		return false
	}
	s.open = true
	return true
}

// stamped splits a line of the API into its time and text. Not ok: it begins with no time.
func stamped(line []byte) (l seenLine, stamp, text []byte, ok bool) {
	i := bytes.IndexByte(line[:min(len(line), maxStamp)], ' ')
	if i < 0 {
		return l, nil, line, false
	}
	at, err := time.Parse(time.RFC3339Nano, string(line[:i]))
	if err != nil || at.UnixNano() < 0 {
		return l, nil, line, false
	}
	return seenLine{at.UnixNano(), hash(line)}, line[:i], line[i+1:], true
}

const maxStamp = len("2006-01-02T15:04:05.000000000+00:00") + 1
