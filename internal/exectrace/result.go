// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exectrace

import (
	"time"

	"github.com/heapgate/heapgate/internal/gofunc"
)

// Result is what a trace says of its window. All times are wall time.
type Result struct {
	Version   string        // of the trace format: 1.19, 1.22 ...; at most the Go version that wrote it
	Window    time.Duration // from the first event to the last that is told of here, always > 0
	Truncated bool          // the trace went on behind the window: the stream broke off or a limit was crossed
	Events    int

	STW    []STW    // by reason, those that were in the window, in the order of Reasons; only whole ones
	GC     GC       // cycles
	Assist Assist   // marking that allocating goroutines had to do
	Waits  []Wait   // goroutines not running while the collector marked, by state, in the order of States
	Heap   Gauge    // live heap, bytes: allocated and not yet swept
	Goal   Gauge    // heap goal, bytes; 0 where the collector is off and has no memory limit
	Procs  Gauge    // GOMAXPROCS
	Warn   []string // what to know before believing the numbers
}

// STW is what one reason stopped the world for, from asking the others to stop until they ran again.
type STW struct {
	Reason    string // one of Reasons
	Count     int
	Time, Max time.Duration
}

// GC is about whole cycles and the time in which the collector marked beside the program.
type GC struct {
	Cycles int           // ended in the window
	Mark   time.Duration // concurrent marking in the window, stopped worlds left out
}

// Totals are mark assists. Time is from begin to end, Running the part of it in which the goroutine had a processor: the
// rest it waited for credit or for its turn.
type Totals struct {
	Count         int
	Time, Running time.Duration
}

// Site is a call site that had to assist.
type Site struct {
	gofunc.Place
	Totals
}

// Assist is all assists of the window. Sites, Other and Observer add up to Totals.
type Assist struct {
	Totals
	Goroutines int    // that had to assist
	Sites      []Site // by Time from the largest, at most Limits.Sites
	Other      Totals // sites behind the limit
	Observer   Totals // where the trace itself was served
}

// Wait is goroutine-time in one state while the collector marked. The runtime's own goroutines and the observer's are left
// out.
type Wait struct {
	State State
	Time  time.Duration // of goroutines that were woken, or went to wait, in the window
	Idle  time.Duration // of goroutines that stood there from the window's begin to its end: background
}

// Gauge is a value that changes. Zero Count: the trace does not say.
type Gauge struct {
	Last, Max int64
	Count     int // times it was set
}

func (g *Gauge) set(v uint64) {
	if v > maxGauge {
		v = 0
	}
	g.Last = int64(v)
	g.Max = max(g.Max, g.Last)
	g.Count++
}

// maxGauge is above every real heap, and below the goal of a collector that is off.
const maxGauge = 1 << 50

// State is why a goroutine does not run, in the words of internal/goroutine.
type State string

const (
	Runnable      State = "runnable" // it waits for a processor
	ChanReceive   State = "chan receive"
	ChanSend      State = "chan send"
	Select        State = "select"
	MutexLock     State = "sync.Mutex.Lock"
	RWMutexLock   State = "sync.RWMutex.Lock"
	RWMutexRLock  State = "sync.RWMutex.RLock"
	WaitGroupWait State = "sync.WaitGroup.Wait"
	CondWait      State = "sync.Cond.Wait"
	Semacquire    State = "semacquire" // a lock of the runtime or of a file
	IOWait        State = "IO wait"    // the network poller
	Sleep         State = "sleep"
	GCAssistWait  State = "GC assist wait" // mark assist waits for work or credit
	GCWait        State = "GC wait"        // for the cycle to begin or to end, or for the collector to let it go on
	Waiting       State = "waiting"        // for a reason that is none of these
	Unknown       State = "unknown"        // it waited since before the trace, which does not say why
)

// States are all states, in the order of Result.Waits.
var States = [...]State{
	Runnable, ChanReceive, ChanSend, Select, MutexLock, RWMutexLock, RWMutexRLock, WaitGroupWait, CondWait, Semacquire, IOWait, Sleep,
	GCAssistWait, GCWait, Waiting, Unknown,
}

// otherReason is every reason that is not one of Reasons.
const otherReason = "other"

// Reasons are why the runtime stops the world, in the trace's own words, and "other".
var Reasons = [...]string{
	"GC sweep termination", "GC mark termination", "read mem stats", "goroutine profile", "goroutine profile cleanup",
	"all goroutines stack trace", "GOMAXPROCS", "AllThreadsSyscall", "write heap dump", "start trace", "stop trace", otherReason,
}

// reason is an index into Reasons.
func reason(name string) int {
	if name == "all goroutine stack trace" {
		name = "all goroutines stack trace" // Go 1.21
	}
	for i, r := range Reasons {
		if r == name {
			return i
		}
	}
	return len(Reasons) - 1
}
