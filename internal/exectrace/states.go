// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exectrace

import (
	"strings"

	"github.com/heapgate/heapgate/internal/gofunc"
)

// stackInfo is what a stack says of the goroutine that has it.
type stackInfo struct {
	known  bool // there is a stack
	site   gofunc.Place
	system bool  // all of it is the runtime, or it serves the trace: no goroutine of the program
	wait   State // what its leaf waits for; "" when that cannot be seen
	served bool  // it serves the trace
	cycle  bool  // above its site it starts or ends a cycle, or waits for one
	user   bool  // a frame has come that is neither the runtime nor what waits for its caller
}

// waitFrames are the functions under which a goroutine waits; the first of a stack counts.
var waitFrames = []struct {
	beginning string
	state     State
}{
	{"runtime.chanrecv", ChanReceive}, {"runtime.chansend", ChanSend}, {"runtime.selectgo", Select}, {"reflect.rselect", Select},
	{"sync.(*Mutex).", MutexLock}, {"internal/sync.(*Mutex).", MutexLock},
	{"sync.(*RWMutex).RLock", RWMutexRLock}, {"sync.(*RWMutex).Lock", RWMutexLock},
	{"sync.(*WaitGroup).", WaitGroupWait}, {"sync.(*Cond).", CondWait}, {"sync.runtime_notifyListWait", CondWait},
	{"internal/poll.runtime_pollWait", IOWait}, {"internal/poll.(*pollDesc)", IOWait}, {"time.Sleep", Sleep},
	{"runtime.gcAssistAlloc", GCAssistWait}, {"runtime.gcParkAssist", GCAssistWait},
}

// cycleFrames are the functions under which a goroutine that takes a lock of the runtime waits for the collector.
var cycleFrames = map[string]bool{"runtime.gcStart": true, "runtime.gcMarkDone": true, "runtime.GC": true, "runtime.gcWaitOnMark": true}

// add looks at the next frame, from the leaf on.
func (s *stackInfo) add(function string, place func() gofunc.Place) {
	if !s.known {
		s.known, s.system = true, true
	}
	if s.wait == "" && !s.user {
		for _, w := range waitFrames {
			if strings.HasPrefix(function, w.beginning) {
				s.wait = w.state
				break
			}
		}
	}
	if !s.user && cycleFrames[function] {
		s.cycle = true
	}
	s.user = s.user || !gofunc.PassedOver(function) && !strings.HasPrefix(function, "sync.") && !strings.HasPrefix(function, "internal/")
	if gofunc.IsObserver(function) {
		s.served = true
	}
	if s.site.Function == "" && !gofunc.PassedOver(function) {
		s.site = place()
	}
	if !gofunc.IsRuntime(function) || function == "runtime.main" {
		s.system = false
	}
}

// end completes a stack.
func (s *stackInfo) end() {
	s.system = s.system || s.served
	if s.site.Function == "" {
		s.site.Function = "unknown"
	}
}

// blockReasons are the trace's words for why a goroutine blocks (runtime/traceruntime.go). "sync" is of several
// things, and like "unspecified" and what is not here it is told by the stack; "system goroutine wait" and the like are of goroutines that are not told of.
var blockReasons = map[string]State{
	"chan receive": ChanReceive, "chan send": ChanSend, "select": Select, "sync.(*Cond).Wait": CondWait,
	"network": IOWait, "sleep": Sleep, "GC mark assist wait for work": GCAssistWait,
	"wait until GC ends": GCWait, "GC weak to strong wait": GCWait, "preempted": GCWait,
	"forever": Waiting, "wait for debug call": Waiting, "synctest": Waiting,
}

// waitState is the state of a goroutine that blocks for a reason with a stack.
func waitState(reason string, s stackInfo) State {
	if s.cycle {
		return GCWait
	}
	if state, ok := blockReasons[reason]; ok {
		return state
	}
	switch {
	case s.wait != "":
		return s.wait
	case reason == "sync":
		return Semacquire
	case reason == "" && !s.known:
		return Unknown
	}
	return Waiting
}
