// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import "slices"

// Streams tells apart the processes that wrote one stream, by the numbers and times of their cycles. The zero value is
// ready. Nothing in a gctrace line names its process, so:
//
//  1. Number and time of a process only grow. A cycle that no known process can have is the first heard of a new one.
//  2. Whoever continues n -> n+1 is the writer; where records were lost, the only one who can be.
//  3. A new process puts the earlier ones to sleep: usually they have ended. One that goes on n -> n+1 where no process
//     that is awake can, wakes up: then several write at once.
//  4. When several can be the writer, it cannot be told.
type Streams struct {
	processes []process
	next      int   // number of the next new process
	added     int64 // cycles so far
	mixed     int64 // value of added when several processes were last known to write at once; 0: never
}

type process struct {
	number int
	gc     int64
	at     float64
	heard  int64 // value of added when it was last heard
	asleep bool
}

const (
	// CannotTell is the process of a cycle that several can have written.
	CannotTell = -1

	maxProcesses = 16
	sleepLimit   = 64 // cycles of others after which a process is forgotten, and after which Mixed ends
)

// Add assigns a cycle to a process, numbered from 0 in the order in which they are first heard, or to CannotTell.
// restarted: it is the first cycle of a process, and another process was heard before. When Mixed turns true, the
// answers since the last restart may have been wrong.
func (s *Streams) Add(c Cycle) (process int, restarted bool) {
	s.added++
	s.processes = slices.DeleteFunc(s.processes, s.forgotten)
	i := s.writer(&c)
	switch {
	case i == CannotTell:
		return CannotTell, false
	case i == len(s.processes):
		restarted = s.next > 0
		s.create()
		i = len(s.processes) - 1
	case s.processes[i].asleep:
		s.processes[i].asleep = false
		s.mixed = s.added
	}
	p := &s.processes[i]
	p.heard = s.added
	if c.Has(FieldGC) {
		p.gc = c.GC
	}
	if c.Has(FieldAt) {
		p.at = c.At
	}
	return p.number, restarted
}

// Mixed reports whether several processes wrote at once among the last 64 cycles.
func (s *Streams) Mixed() bool { return s.mixed > 0 && s.added-s.mixed < sleepLimit }

// forgotten is true of a process that was silent while the others went on; the only one that is awake stays.
func (s *Streams) forgotten(p process) bool {
	return (p.asleep || s.Mixed()) && s.added-p.heard > sleepLimit
}

// writer is the index of the process that wrote the cycle, the number of processes for a new one, or CannotTell.
func (s *Streams) writer(c *Cycle) int {
	next, gap := s.find(c, false)
	sleepingNext, sleepingGap := s.find(c, true)
	switch {
	case len(next) == 1:
		return next[0]
	case len(next) > 1, len(sleepingNext) > 1:
		s.mixed = s.added
		return CannotTell
	case len(sleepingNext) == 1:
		return sleepingNext[0]
	case len(gap) == 1 && !slices.ContainsFunc(sleepingGap, func(i int) bool { return s.processes[i].gc > s.processes[gap[0]].gc }):
		return gap[0]
	case len(gap) > 0 || !c.Has(FieldGC): // several, or one that sleeps is nearer
		return CannotTell
	}
	return len(s.processes)
}

// find lists the processes that can have written the cycle: those that it directly continues, and the others.
func (s *Streams) find(c *Cycle, asleep bool) (next, gap []int) {
	for i := range s.processes {
		p := &s.processes[i]
		switch {
		case p.asleep != asleep, c.Has(FieldGC) && c.GC <= p.gc, c.Has(FieldAt) && c.At < p.at:
		case c.Has(FieldGC) && c.GC == p.gc+1:
			next = append(next, i)
		default:
			gap = append(gap, i)
		}
	}
	return next, gap
}

// create adds a process behind the others, which fall asleep unless several are known to write at once.
func (s *Streams) create() {
	if len(s.processes) == maxProcesses {
		oldest := 0
		for i, p := range s.processes {
			if p.heard < s.processes[oldest].heard {
				oldest = i
			}
		}
		s.processes = slices.Delete(s.processes, oldest, oldest+1)
	}
	if !s.Mixed() {
		for i := range s.processes {
			s.processes[i].asleep = true
		}
	}
	s.processes = append(s.processes, process{number: s.next, asleep: false})
	s.next++
}
