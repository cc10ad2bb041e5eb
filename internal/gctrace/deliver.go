// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import "math/bits"

// abandon ends the torn record without its end. A cycle of which all but the end is there lacks only Forced; a record
// that never was more than the word "gc" in a log line is forgotten.
func (s *Scanner) abandon(why Reason) bool {
	m := s.torn
	s.state = looking
	for _, n := range []node{nBlank, nP} {
		if m.live&(1<<n) != 0 {
			r := &m.at[n]
			r.struck |= 1 << nForced
			return s.mended(r)
		}
	}
	if !m.begun {
		return false
	}
	return s.bad(m.start, why, m.excerpt)
}

// mended delivers the torn record.
func (s *Scanner) mended(r *reading) bool {
	s.state = looking
	m, c := s.torn, &s.cycle
	stacks, globals := r.cycle(c)
	c.Ambiguous = r.struck != 0
	c.Mended = r.gap
	if bits.OnesCount64(r.struck) > maxAbsent {
		return s.bad(r.start, TooMany, m.excerpt)
	}
	c.StacksMB, c.GlobalsMB = s.share(stacks, globals, c.Absent)
	return s.good(r.start)
}

func (s *Scanner) good(at start) bool {
	c := &s.cycle
	if s.first.set && s.first.at == at.read {
		s.first.set = false
		// Another process' record began inside this one's gap, or this one in another's: tokens of one may stand in the
		// other. The next cycle of the same process is safe, the runtime writes one record after the other; so is the first
		// of a process that was started again, after the last one had died inside its record.
		if s.first.glued || s.first.gc == 0 || !c.Has(FieldGC) || c.GC != s.first.gc+1 && c.GC != 1 {
			return s.bad(at, Interleaved, excerpt(c))
		}
	}
	s.counts.Records++
	switch {
	case c.Ambiguous:
		s.counts.Ambiguous++
	case c.Mended:
		s.counts.Mended++
	default:
		s.counts.Intact++
	}
	c.Line = at.line
	s.rec = Record{Line: at.line, Offset: at.offset, Cycle: c}
	return true
}

func (s *Scanner) bad(at start, why Reason, text string) bool {
	s.counts.Records++
	s.counts.Bad++
	s.rec = Record{Line: at.line, Offset: at.offset, Bad: &Bad{Reason: why, Text: text}}
	return true
}

func excerpt(c *Cycle) string {
	text := c.String()
	return text[:min(len(text), maxExcerpt)]
}

// start is where a record begins.
type start struct {
	line   int   // of the input
	offset int64 // of the input
	read   int64 // offset in what the Scanner read, which is not the input behind a wrapper
}

// here is where lo stands. A wrapper knows it only until the next read.
func (s *Scanner) here() start {
	read := s.base + int64(s.lo)
	if p, ok := s.r.(positioned); ok {
		if m, ok := p.position(read); ok {
			return start{line: m.line, offset: m.at, read: read}
		}
	}
	return start{line: 1 + s.lines.newlines, offset: read, read: read}
}

// share returns variables with the values. They are used by all cycles of the same values and never written again.
func (s *Scanner) share(stacks, globals int64, absent Field) (*int64, *int64) {
	if s.stacks == nil || *s.stacks != stacks {
		v := stacks
		s.stacks = &v
	}
	if s.globals == nil || *s.globals != globals {
		v := globals
		s.globals = &v
	}
	a, b := s.stacks, s.globals
	if absent&FieldStacks != 0 {
		a = nil
	}
	if absent&FieldGlobals != 0 {
		b = nil
	}
	return a, b
}

// cycle writes the reading's values to c, and which are absent.
func (r *reading) cycle(c *Cycle) (stacks, globals int64) {
	go15 := r.set&(1<<n15Plus3) != 0
	*c = Cycle{Absent: Go119}
	if !go15 {
		c.Absent |= Go15
	}
	c.GC = r.integer(c, nNumber, FieldGC)
	c.At = r.thousandths(c, nAt, FieldAt)
	c.Percent = int(r.integer(c, nPercent, FieldPercent))
	c.LeakCheck = r.flag(c, nLeak, FieldLeakCheck)
	c.Forced = r.flag(c, nForced, FieldForced)
	c.Clock.SweepTerm = r.thousandths(c, nClock1, FieldClockSweepTerm)
	if go15 {
		r.phases15(c)
	} else {
		r.phases(c)
	}
	c.Heap.Start = r.integer(c, nHeap1, FieldHeapStart)
	c.Heap.End = r.integer(c, nHeap2, FieldHeapEnd)
	c.Heap.Live = r.integer(c, nHeap3, FieldHeapLive)
	c.GoalMB = r.integer(c, nGoal, FieldGoal)
	procs := nStacksOrProcs
	if r.set&(1<<nMBStacks) != 0 {
		procs = nProcs
		c.Absent &^= Go119
		stacks = r.integer(c, nStacksOrProcs, FieldStacks)
		globals = r.integer(c, nGlobals, FieldGlobals)
	}
	c.Procs = int(r.integer(c, procs, FieldProcs))
	return stacks, globals
}

func (r *reading) phases(c *Cycle) {
	c.Clock.Mark = r.thousandths(c, nClock2, FieldClockMark)
	c.Clock.MarkTerm = r.thousandths(c, nClock3, FieldClockMarkTerm)
	c.CPU.SweepTerm = r.thousandths(c, nCPU1, FieldCPUSweepTerm)
	c.CPU.Assist = r.thousandths(c, nCPU2, FieldCPUAssist)
	c.CPU.Background = r.thousandths(c, nCPU3, FieldCPUBackground)
	c.CPU.Idle = r.thousandths(c, nCPU4, FieldCPUIdle)
	c.CPU.MarkTerm = r.thousandths(c, nCPU5, FieldCPUMarkTerm)
}

func (r *reading) phases15(c *Cycle) {
	c.Clock.Scan = r.thousandths(c, nClock2, FieldClockScan)
	c.Clock.Sync = r.thousandths(c, nClock3, FieldClockSync)
	c.Clock.Mark = r.thousandths(c, n15Clock4, FieldClockMark)
	c.Clock.MarkTerm = r.thousandths(c, n15Clock5, FieldClockMarkTerm)
	c.CPU.SweepTerm = r.thousandths(c, n15CPU1, FieldCPUSweepTerm)
	c.CPU.Scan = r.thousandths(c, n15CPU2, FieldCPUScan)
	c.CPU.Sync = r.thousandths(c, n15CPU3, FieldCPUSync)
	c.CPU.Assist = r.thousandths(c, n15CPU4, FieldCPUAssist)
	c.CPU.Background = r.thousandths(c, n15CPU5, FieldCPUBackground)
	c.CPU.Idle = r.thousandths(c, n15CPU6, FieldCPUIdle)
	c.CPU.MarkTerm = r.thousandths(c, n15CPU7, FieldCPUMarkTerm)
}

func (r *reading) integer(c *Cycle, n node, f Field) int64 {
	if r.struck&(1<<n) != 0 {
		c.Absent |= f
		return 0
	}
	return r.value[n]
}

func (r *reading) thousandths(c *Cycle, n node, f Field) float64 {
	return float64(r.integer(c, n, f)) / 1000
}

func (r *reading) flag(c *Cycle, n node, f Field) bool {
	if r.struck&(1<<n) != 0 {
		c.Absent |= f
		return false
	}
	return r.set&(1<<n) != 0
}
