// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exectrace

import "math"

// v1Event is one event that the machine wants to know of.
type v1Event struct {
	ticks uint64
	about uint64 // the goroutine, or the value that is set
	order uint32 // in the body
	stack uint32
	kind  uint8
}

// span is a part of the body.
type span struct{ start, end int }

// v1Parser takes an old trace apart: batches of one P each, in which an event is a byte of its kind and of the number of
// its arguments, and the arguments as varints.
type v1Parser struct {
	cursor
	limits    Limits
	strings   map[uint64]span
	stacks    map[uint32]span
	frames    int
	frequency uint64 // ticks a second
	events    []v1Event
	counting  bool // how many events there will be
	count     int

	p       uint64 // of the batch
	ticks   uint64
	g       uint64            // running on p
	running map[uint64]uint64 // goroutine by P, of the batches before
	args    []uint64
}

func (p *v1Parser) has(kind uint8) bool {
	for i := range p.events {
		if p.events[i].kind == kind {
			return true
		}
	}
	return false
}

// parse reads the whole body twice: first to know how many events to make room for.
func (p *v1Parser) parse() error {
	p.counting = true
	if err := p.scan(); err != nil {
		return err
	}
	p.events, p.counting = make([]v1Event, 0, p.count), false
	p.strings, p.stacks, p.frames = map[uint64]span{}, map[uint32]span{}, 0
	return p.scan()
}

func (p *v1Parser) scan() error {
	p.at, p.p, p.g = headerBytes, 0, 0
	p.running = map[uint64]uint64{}
	stringsRead := 0
	batches := 0
	for p.at < len(p.body) {
		start := p.at
		kind, count := p.body[p.at]&0x3f, int(p.body[p.at]>>6)
		p.at++
		if kind == 0 || kind >= v1Count {
			return p.syntax(start, "unknown event %d", kind)
		}
		var ok bool
		switch kind {
		case v1String:
			ok = p.stringEvent()
			stringsRead++
		case v1Batch:
			ok = p.batch()
			batches++
		default:
			if batches == 0 {
				return p.syntax(start, "event %d before the first batch", kind)
			}
			ok = p.arguments(kind, count) && p.event(kind)
		}
		switch {
		case p.broken:
			return p.syntax(start, "event %d has not the arguments that it must have", kind)
		case !ok:
			return ErrTruncated
		case stringsRead > p.limits.Strings:
			return limitError("strings", p.limits.Strings)
		case p.frames > p.limits.Frames:
			return limitError("frames", p.limits.Frames)
		case p.count > p.limits.Events: // what is missing of one P then, another has
			return limitError("events", p.limits.Events)
		case len(p.running) > p.limits.Threads:
			return limitError("threads", p.limits.Threads)
		}
	}
	if p.frequency == 0 || p.count == 0 {
		return ErrTruncated // it comes last
	}
	return nil
}

func (p *v1Parser) stringEvent() bool {
	id, ok := p.varint()
	if !ok {
		return false
	}
	length, ok := p.varint()
	if !ok || length > uint64(len(p.body)-p.at) {
		return false
	}
	if !p.counting {
		p.strings[id] = span{p.at, p.at + int(length)}
	}
	p.at += int(length)
	return true
}

// batch begins one: the P and the time.
func (p *v1Parser) batch() bool {
	p.running[p.p] = p.g
	var ok bool
	if p.p, ok = p.varint(); !ok {
		return false
	}
	p.g = p.running[p.p]
	p.ticks, ok = p.varint()
	return ok
}

// arguments reads those of an event; count is as its first byte has it: one less than there are, and 3 says that their
// length in bytes comes first.
func (p *v1Parser) arguments(kind uint8, count int) bool {
	p.args = p.args[:0]
	if count < 3 {
		for range count + 1 {
			v, ok := p.varint()
			if !ok {
				return false
			}
			p.args = append(p.args, v)
		}
		return true
	}
	length, ok := p.varint()
	if !ok || length > uint64(len(p.body)-p.at) {
		return false
	}
	end := p.at + int(length)
	if kind == v1Stack {
		return p.stackEvent(end)
	}
	for p.at < end {
		v, ok := p.varint()
		if !ok || p.at > end || len(p.args) == 8 {
			p.broken = true
			return false
		}
		p.args = append(p.args, v)
	}
	if kind == v1UserLog { // its text follows
		length, ok := p.varint()
		if !ok || length > uint64(len(p.body)-p.at) {
			return false
		}
		p.at += int(length)
	}
	return true
}

// stackEvent notes where the frames of a stack are: four numbers each.
func (p *v1Parser) stackEvent(end int) bool {
	id, ok := p.varint()
	if !ok {
		return false
	}
	frames, ok := p.varint()
	if !ok {
		return false
	}
	if p.at > end || frames > uint64(end-p.at) {
		p.broken = true
		return false
	}
	if id != 0 && frames > 0 {
		if !p.counting {
			p.stacks[uint32(id)] = span{p.at, end}
		}
		p.frames += int(frames)
	}
	p.at = end
	return true
}

// arg is an argument of an event, 0 where it has not so many.
func (p *v1Parser) arg(i int) uint64 {
	if i < len(p.args) {
		return p.args[i]
	}
	p.broken = true
	return 0
}

// event keeps what the machine needs of one.
func (p *v1Parser) event(kind uint8) bool {
	switch kind {
	case v1Frequency:
		p.frequency = p.arg(0)
		if p.frequency == 0 || p.frequency > math.MaxInt64 {
			p.broken = true
		}
		return !p.broken
	case v1Stack, v1TimerGoroutine, v1CPUSample: // no time, or one of their own
		return true
	}
	p.ticks += p.arg(0)
	e := v1Event{ticks: p.ticks, about: p.g, order: uint32(len(p.events)), kind: kind}
	switch kind {
	case v1GoStart, v1GoStartLocal, v1GoStartLabel:
		p.g = p.arg(1)
		e.about = p.g
	case v1GoCreate:
		e.about, e.stack = p.arg(1), uint32(p.arg(2))
	case v1GoUnblock, v1GoUnblockLocal, v1GoWaiting, v1GoInSyscall:
		e.about = p.arg(1)
	case v1GoSysExit:
		e.about = p.arg(1)
		e.ticks = realTime(e.ticks, p.arg(3))
	case v1GoSysExitLocal:
		e.about = p.arg(1)
		e.ticks = realTime(e.ticks, p.arg(2))
	case v1GoSched, v1GoPreempt, v1GoStop, v1GoSleep, v1GoBlock, v1GoBlockSend, v1GoBlockRecv, v1GoBlockSelect, v1GoBlockSync,
		v1GoBlockCond, v1GoBlockNet, v1GoBlockGC:
		e.stack = uint32(p.arg(1))
		p.g = 0
	case v1GoEnd, v1GoSysBlock:
		p.g = 0
	case v1GCMarkAssistStart:
		e.stack = uint32(p.arg(1))
	case v1Gomaxprocs, v1STWStart, v1HeapAlloc, v1HeapGoal:
		e.about = p.arg(1)
	case v1GCStart, v1GCDone, v1STWDone, v1GCMarkAssistDone:
	default:
		return !p.broken // of no interest
	}
	if p.counting {
		p.count++
	} else {
		p.events = append(p.events, e)
	}
	return !p.broken
}

// realTime is when a system call ended: before the event was written.
func realTime(written, ended uint64) uint64 {
	if ended == 0 || ended > written {
		return written
	}
	return ended
}
