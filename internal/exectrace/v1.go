// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exectrace

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/heapgate/heapgate/internal/gofunc"
)

// readV1 feeds the machine from a trace of Go 1.21 or earlier. The clock's frequency and the stacks come last, so a cut
// trace says nothing.
//
// golang.org/x/exp/trace reads these traces too, but not within bounds: for each call of the system it searches the rest
// of the trace, it recurses over events that it leaves out, and it takes 32 MiB for the smallest one. It is the oracle.
func readV1(ctx context.Context, m *machine, body []byte, version int, cut bool) (truncated bool, err error) {
	if cut {
		return false, ErrTruncated
	}
	p := v1Parser{cursor: cursor{body: body}, limits: m.limits}
	if err := p.parse(); err != nil {
		return false, err
	}
	// Events of one P are in order, those of several are not.
	slices.SortFunc(p.events, func(a, b v1Event) int {
		return cmp.Or(cmp.Compare(a.ticks, b.ticks), cmp.Compare(a.order, b.order))
	})
	f := v1Feeder{m: m, p: &p, infos: map[uint32]stackInfo{}, version: version, settled: !p.has(v1Gomaxprocs)}
	nanos := 1e9 / float64(p.frequency)
	for i := range p.events {
		if i%checkEvery == 0 {
			if ended, err := stop(ctx); ended {
				return true, err
			}
		}
		e := &p.events[i]
		if !m.at(int64(float64(e.ticks-p.events[0].ticks)*nanos)) || !f.feed(e) {
			return true, nil
		}
	}
	return false, nil
}

// The events of the format up to Go 1.21 (that version's runtime/trace.go).
const (
	v1Batch             = 1
	v1Frequency         = 2
	v1Stack             = 3
	v1Gomaxprocs        = 4
	v1GCStart           = 7
	v1GCDone            = 8
	v1STWStart          = 9
	v1STWDone           = 10
	v1GoCreate          = 13
	v1GoStart           = 14
	v1GoEnd             = 15
	v1GoStop            = 16
	v1GoSched           = 17
	v1GoPreempt         = 18
	v1GoSleep           = 19
	v1GoBlock           = 20
	v1GoUnblock         = 21
	v1GoBlockSend       = 22
	v1GoBlockRecv       = 23
	v1GoBlockSelect     = 24
	v1GoBlockSync       = 25
	v1GoBlockCond       = 26
	v1GoBlockNet        = 27
	v1GoSysExit         = 29
	v1GoSysBlock        = 30
	v1GoWaiting         = 31
	v1GoInSyscall       = 32
	v1HeapAlloc         = 33
	v1HeapGoal          = 34
	v1TimerGoroutine    = 35
	v1String            = 37
	v1GoStartLocal      = 38
	v1GoUnblockLocal    = 39
	v1GoSysExitLocal    = 40
	v1GoStartLabel      = 41
	v1GoBlockGC         = 42
	v1GCMarkAssistStart = 43
	v1GCMarkAssistDone  = 44
	v1UserLog           = 48
	v1CPUSample         = 49
	v1Count             = 50
)

// v1Block are the events with which a goroutine stops running, and why. The running one is then nobody.
var v1Block = map[uint8]string{
	v1GoStop: "forever", v1GoSleep: "sleep", v1GoBlock: "unspecified", v1GoBlockSend: "chan send", v1GoBlockRecv: "chan receive",
	v1GoBlockSelect: "select", v1GoBlockSync: "sync", v1GoBlockCond: "sync.(*Cond).Wait", v1GoBlockNet: "network",
	v1GoBlockGC: "GC mark assist wait for work",
}

// v1Reasons are the kinds of v1STWStart: up to Go 1.20 the first two, counted from mark termination.
var v1Reasons = [...]string{
	"unknown", "GC mark termination", "GC sweep termination", "write heap dump", "goroutine profile", "goroutine profile cleanup",
	"all goroutines stack trace", "read mem stats", "AllThreadsSyscall", "GOMAXPROCS", "start trace", "stop trace",
}

// v1Feeder translates the events of old traces.
type v1Feeder struct {
	m       *machine
	p       *v1Parser
	infos   map[uint32]stackInfo
	version int
	settled bool // the first events, up to a v1Gomaxprocs, say what was before the trace
}

// feed reports false when a limit is crossed.
func (f *v1Feeder) feed(e *v1Event) bool {
	m := f.m
	switch e.kind {
	case v1Gomaxprocs:
		f.settled = true
		m.procs.set(e.about)
		return true
	case v1GCStart:
		m.gcBegin()
		return true
	case v1GCDone:
		m.gcEnd()
		return true
	case v1STWStart:
		kind := e.about
		if f.version < 21 {
			kind++
		}
		m.stwBegin(reason(v1Reasons[min(kind, uint64(len(v1Reasons)))%uint64(len(v1Reasons))]))
		return true
	case v1STWDone:
		m.stwEnd()
		return true
	case v1HeapAlloc:
		m.heap.set(e.about)
		return true
	case v1HeapGoal:
		m.goal.set(e.about)
		return true
	case v1GoEnd:
		m.exits(e.about)
		return true
	}
	if e.about == 0 { // nobody: a timer, the network poller
		return true
	}
	g := m.goroutine(e.about)
	if g == nil {
		return false
	}
	f.goroutine(e, g)
	return true
}

// goroutine feeds an event of one goroutine.
func (f *v1Feeder) goroutine(e *v1Event, g *goroutine) {
	m, stack := f.m, f.stack(e.stack)
	switch e.kind {
	case v1GCMarkAssistStart:
		m.assistBegin(g, stack)
	case v1GCMarkAssistDone:
		m.assistEnd(g)
	case v1GoCreate: // of the new goroutine; the stack is the function that it will run
		stack.wait = ""
		m.becomes(g, runnable, Runnable, stack, !f.settled)
	case v1GoStart, v1GoStartLocal, v1GoStartLabel:
		m.becomes(g, running, "", stackInfo{}, !f.settled)
	case v1GoSched, v1GoPreempt:
		m.becomes(g, runnable, Runnable, stack, false)
	case v1GoUnblock, v1GoUnblockLocal, v1GoSysExit, v1GoSysExitLocal:
		m.becomes(g, runnable, Runnable, stackInfo{}, false)
	case v1GoWaiting:
		m.becomes(g, waiting, Unknown, stackInfo{}, true)
	case v1GoInSyscall, v1GoSysBlock:
		m.becomes(g, inSyscall, "", stackInfo{}, !f.settled)
	default:
		why := v1Block[e.kind]
		if e.kind == v1GoBlock && !stack.known { // only preemptPark writes it so, and a mark worker that is idle
			why = "preempted"
		}
		m.becomes(g, waiting, waitState(why, stack), stack, false)
	}
}

// stack tells once of each stack what it says.
func (f *v1Feeder) stack(id uint32) stackInfo {
	at, ok := f.p.stacks[id]
	if !ok {
		return stackInfo{}
	}
	info, ok := f.infos[id]
	if ok {
		return info
	}
	c := cursor{body: f.p.body[:at.end], at: at.start}
	for c.at < at.end {
		var frame [4]uint64 // pc, function, file, line
		for i := range frame {
			if frame[i], ok = c.varint(); !ok {
				break
			}
		}
		if !ok {
			break
		}
		name := f.p.string(frame[1])
		info.add(name, func() gofunc.Place {
			place := gofunc.Place{Function: name, File: f.p.string(frame[2])}
			if frame[3] <= math.MaxInt32 {
				place.Line = int(frame[3])
			}
			return place
		})
	}
	info.end()
	f.infos[id] = info
	return info
}

func (p *v1Parser) string(id uint64) string {
	at := p.strings[id]
	return gofunc.Clean(strings.Clone(string(p.body[at.start:at.end])), p.limits.NameBytes)
}

func (p *v1Parser) syntax(at int, format string, args ...any) error {
	return &SyntaxError{int64(at), fmt.Sprintf(format, args...)}
}
