// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import "strconv"

// Cycle is what one gctrace line says of one GC cycle.
//
// A field that the line did not give, or that could not be read with certainty, is zero and named in Absent.
type Cycle struct {
	Line    int     // 1-based line of the input on which the record starts
	GC      int64   // number of the cycle in its process, from 1
	At      float64 // seconds since the process started, exact to a millisecond
	Percent int     // CPU share of the GC since the process started, 0..100, truncated
	Clock   Clock
	CPU     CPU
	Heap    Heap
	GoalMB  int64 // goal of the cycle that just ended, MiB truncated; garbage-huge with GOGC=off and no limit

	StacksMB, GlobalsMB *int64 // scannable stacks and globals, MiB truncated; nil before Go 1.19. Never written through

	Procs     int  // GOMAXPROCS at the end of the cycle
	Forced    bool // runtime.GC(), debug.FreeOSMemory or heap?gc=1; false for the periodic GC
	LeakCheck bool // the cycle looked for leaked goroutines

	Mended    bool // foreign text stood inside the record; the fields that are there are certain
	Ambiguous bool // some field has more than one reading: it is absent

	Absent Field
}

// Clock is wall time of the phases in ms. Scan and Sync exist in Go 1.5 alone.
type Clock struct{ SweepTerm, Mark, MarkTerm, Scan, Sync float64 }

// CPU is P time of the phases in ms. SweepTerm and MarkTerm are wall time x min(CPUs, GOMAXPROCS); the others are wall
// time on a P and overstate CPU when the process is throttled. Scan and Sync exist in Go 1.5 alone.
type CPU struct{ SweepTerm, Assist, Background, Idle, MarkTerm, Scan, Sync float64 }

// Heap is the heap in MiB, truncated: at the start of the cycle, at its end, and what of it was live.
type Heap struct{ Start, End, Live int64 }

// Field names fields of a Cycle as a set of bits.
type Field uint32

const (
	FieldGC Field = 1 << iota
	FieldAt
	FieldPercent
	FieldClockSweepTerm
	FieldClockMark
	FieldClockMarkTerm
	FieldClockScan
	FieldClockSync
	FieldCPUSweepTerm
	FieldCPUAssist
	FieldCPUBackground
	FieldCPUIdle
	FieldCPUMarkTerm
	FieldCPUScan
	FieldCPUSync
	FieldHeapStart
	FieldHeapEnd
	FieldHeapLive
	FieldGoal
	FieldStacks
	FieldGlobals
	FieldProcs
	FieldForced
	FieldLeakCheck

	// Go15 are the fields that only Go 1.5 prints, Go119 those that came with Go 1.19 (1.18 is not verified).
	Go15  = FieldClockScan | FieldClockSync | FieldCPUScan | FieldCPUSync
	Go119 = FieldStacks | FieldGlobals
)

// Has reports whether all of the given fields are there.
func (c *Cycle) Has(fields Field) bool { return c.Absent&fields == 0 }

// String is the line that the runtime prints for the cycle, without newline, with a question mark for what is absent.
func (c *Cycle) String() string { return string(c.Append(make([]byte, 0, 192))) }

// Append appends the line that the runtime prints for the cycle, without newline.
func (c *Cycle) Append(b []byte) []byte {
	p := printer{b: append(b, "gc "...), absent: c.Absent}
	p.integer(FieldGC, c.GC, " @")
	p.seconds(c.At)
	p.integer(FieldPercent, int64(c.Percent), "%")
	if c.LeakCheck {
		p.b = append(p.b, leakCheck...)
	}
	p.b = append(p.b, ": "...)
	p.phases(c)
	p.integer(FieldHeapStart, c.Heap.Start, "->")
	p.integer(FieldHeapEnd, c.Heap.End, "->")
	p.integer(FieldHeapLive, c.Heap.Live, " MB, ")
	p.integer(FieldGoal, c.GoalMB, " MB goal, ")
	if c.StacksMB != nil || c.GlobalsMB != nil {
		p.pointer(c.StacksMB, " MB stacks, ")
		p.pointer(c.GlobalsMB, " MB globals, ")
	}
	p.integer(FieldProcs, int64(c.Procs), " P")
	switch {
	case c.Forced:
		p.b = append(p.b, forced...)
	case !c.Has(FieldForced):
		p.b = append(p.b, " (forced?)"...)
	}
	return p.b
}

type printer struct {
	b      []byte
	absent Field
}

func (p *printer) phases(c *Cycle) {
	p.ms(FieldClockSweepTerm, c.Clock.SweepTerm, "+")
	if c.Has(Go15) {
		p.ms(FieldClockScan, c.Clock.Scan, "+")
		p.ms(FieldClockSync, c.Clock.Sync, "+")
	}
	p.ms(FieldClockMark, c.Clock.Mark, "+")
	p.ms(FieldClockMarkTerm, c.Clock.MarkTerm, " ms clock, ")
	p.ms(FieldCPUSweepTerm, c.CPU.SweepTerm, "+")
	if c.Has(Go15) {
		p.ms(FieldCPUScan, c.CPU.Scan, "+")
		p.ms(FieldCPUSync, c.CPU.Sync, "+")
	}
	p.ms(FieldCPUAssist, c.CPU.Assist, "/")
	p.ms(FieldCPUBackground, c.CPU.Background, "/")
	p.ms(FieldCPUIdle, c.CPU.Idle, "+")
	p.ms(FieldCPUMarkTerm, c.CPU.MarkTerm, " ms cpu, ")
}

func (p *printer) integer(f Field, v int64, then string) {
	if p.absent&f != 0 {
		p.b = append(p.b, '?')
	} else {
		p.b = strconv.AppendInt(p.b, v, 10)
	}
	p.b = append(p.b, then...)
}

func (p *printer) pointer(v *int64, then string) {
	if v == nil {
		p.b = append(append(p.b, '?'), then...)
		return
	}
	p.integer(0, *v, then)
}

func (p *printer) seconds(v float64) {
	if p.absent&FieldAt != 0 {
		p.b = append(p.b, "?s "...)
		return
	}
	p.b = append(strconv.AppendFloat(p.b, v, 'f', 3, 64), "s "...)
}

// ms prints as the runtime's fmtNSAsMS does: 10 ms and more as an integer, less with two digits and at most three
// decimals, nothing as 0.
func (p *printer) ms(f Field, v float64, then string) {
	decimals := 0
	switch {
	case p.absent&f != 0:
		p.b = append(append(p.b, '?'), then...)
		return
	case v == 0 || v >= 10:
	case v >= 1:
		decimals = 1
	case v >= 0.1:
		decimals = 2
	default:
		decimals = 3
	}
	p.b = append(strconv.AppendFloat(p.b, v, 'f', decimals, 64), then...)
}
