// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
)

// Checkpoint is a place behind a record of an input, from which another Scanner finds the records that follow.
type Checkpoint struct {
	Offset int64  `json:"offset"`           // of the input; where it is wrapped, of the line that the place is in
	Skip   int64  `json:"skip,omitempty"`   // bytes of the text from there that stand before the place
	Format Format `json:"format,omitempty"` // how the input is wrapped
}

// Checkpoint is the place behind the record that the last Scan found. Not ok: what was read before it may still decide
// about the next record, or a crash has begun before it whose dump has not ended.
func (s *Scanner) Checkpoint() (place Checkpoint, ok bool) {
	at := s.base + int64(s.lo)
	if s.skipping > 0 || s.state != looking || s.first.set && s.first.at >= at || s.set.Crashes != nil && s.set.Crashes.Busy() {
		return Checkpoint{}, false
	}
	place = Checkpoint{Offset: at, Format: Raw}
	if u, wrapped := s.r.(*unwrapper); wrapped {
		place = u.place(at)
	}
	if place.Format == Raw && s.lines.inside { // one byte before it shows who goes on there that it is no start of a line
		place.Offset, place.Skip = at-1, 1
	}
	return place, true
}

// place finds the line that holds the byte at an offset of the text, or that ends before it.
func (u *unwrapper) place(offset int64) Checkpoint {
	place := Checkpoint{Offset: offset, Format: u.format}
	if u.format == Raw {
		return place
	}
	if m, ok := u.position(offset); ok {
		place.Offset, place.Skip = m.at, offset-m.offset
	}
	return place
}

// Resume returns a Scanner that goes on at a checkpoint of an input. r reads the input from the checkpoint's offset on:
// lines, offsets and checkpoints of the new Scanner count from there. The zero Checkpoint begins an input whose format
// is found out.
func Resume(r io.Reader, c Checkpoint, set Settings) (*Scanner, error) {
	if c.Format == "" {
		c.Format = Auto
	}
	if c.Offset < 0 || c.Skip < 0 {
		return nil, fmt.Errorf("checkpoint must not be negative (got offset %d, skip %d)", c.Offset, c.Skip)
	}
	text, err := Unwrap(r, c.Format)
	if err != nil {
		return nil, err
	}
	s := NewScanner(text, set)
	s.skipping = c.Skip
	return s, nil
}

// resume consumes the text before the checkpoint's place. It is false at the end of the input.
func (s *Scanner) resume() bool {
	for s.skipping > 0 {
		if s.lo == s.hi && (s.eof || !s.fill()) {
			return false
		}
		n := min(s.hi-s.lo, int(min(s.skipping, bufferSize)))
		s.consume(n)
		s.skipping -= int64(n)
	}
	return true
}

// Clone copies what is known of the processes.
func (s *Streams) Clone() Streams {
	c := *s
	c.processes = slices.Clone(s.processes)
	return c
}

// savedStreams is what Streams is between two runs.
type savedStreams struct {
	Processes []savedProcess `json:"processes,omitempty"`
	Next      int            `json:"next,omitempty"`
	Added     int64          `json:"added,omitempty"`
	Mixed     int64          `json:"mixed,omitempty"`
}

type savedProcess struct {
	Number int     `json:"number"`
	GC     int64   `json:"gc"`
	At     float64 `json:"at"`
	Heard  int64   `json:"heard"`
	Asleep bool    `json:"asleep,omitempty"`
}

// MarshalJSON writes what is known of the processes, to go on with in another run.
func (s Streams) MarshalJSON() ([]byte, error) {
	saved := savedStreams{Next: s.next, Added: s.added, Mixed: s.mixed}
	for _, p := range s.processes {
		saved.Processes = append(saved.Processes, savedProcess{p.number, p.gc, p.at, p.heard, p.asleep})
	}
	return json.Marshal(saved)
}

// UnmarshalJSON reads what MarshalJSON wrote and refuses what Streams cannot have been.
func (s *Streams) UnmarshalJSON(text []byte) error {
	var saved savedStreams
	if err := json.Unmarshal(text, &saved); err != nil {
		return err
	}
	if len(saved.Processes) > maxProcesses || saved.Next < len(saved.Processes) || saved.Next > math.MaxInt32 || saved.Mixed < 0 || saved.Mixed > saved.Added {
		return fmt.Errorf("%d processes, next %d, added %d, mixed %d were never written", len(saved.Processes), saved.Next, saved.Added, saved.Mixed)
	}
	read := Streams{next: saved.Next, added: saved.Added, mixed: saved.Mixed}
	for _, p := range saved.Processes {
		if p.Number < 0 || p.Number >= saved.Next || p.Heard < 0 || p.Heard > saved.Added || p.GC < 0 || p.At < 0 {
			return fmt.Errorf("process %+v was never written", p)
		}
		read.processes = append(read.processes, process{p.Number, p.GC, p.At, p.Heard, p.Asleep})
	}
	*s = read
	return nil
}
