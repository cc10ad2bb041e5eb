// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"slices"
	"strings"
)

// State says what a goroutine does. The words are those of the runtime's own goroutine dumps, with two differences:
// running and runnable are one, because whoever writes the profile has stopped all others; and the locks that Go 1.19
// calls "semacquire" have the names that Go 1.26 gives them. A goroutine that is just woken still shows what it waited for,
// and a nil channel is a channel. A lock inside an assist of the collector is the assist.
type State string

const (
	Runnable      State = "runnable"           // running, or ready to
	Syscall       State = "syscall"            // in a system call or in C
	IOWait        State = "IO wait"            // the network poller
	ChanReceive   State = "chan receive"       //
	ChanSend      State = "chan send"          //
	Select        State = "select"             //
	SelectNoCases State = "select (no cases)"  // forever
	MutexLock     State = "sync.Mutex.Lock"    // also the one inside a sync.RWMutex or a sync.Once
	RWMutexLock   State = "sync.RWMutex.Lock"  // waits for readers
	RWMutexRLock  State = "sync.RWMutex.RLock" //
	WaitGroupWait State = "sync.WaitGroup.Wait"
	CondWait      State = "sync.Cond.Wait"
	Semacquire    State = "semacquire" // a lock of the runtime or of a file
	Sleep         State = "sleep"
	GCAssistWait  State = "GC assist wait" // an allocation that must wait for the collector
	GCWorker      State = "GC worker"      // the collector's own: markers, sweeper, scavenger
	Finalizer     State = "finalizer wait" // runs finalizers and cleanups
	Coroutine     State = "coroutine"      // the other side of an iter.Pull
	Waiting       State = "waiting"        // parked for a reason that is none of these
	Unknown       State = "unknown"        // a hidden frame has no name, so nothing can be said
)

// reasons tells by a function below runtime.gopark why a goroutine waits. The nearest one to the leaf decides.
var reasons = map[string]State{
	"runtime.chanrecv": ChanReceive, "runtime.chanrecv1": ChanReceive, "runtime.chanrecv2": ChanReceive,
	"runtime.chansend": ChanSend, "runtime.chansend1": ChanSend,
	"runtime.selectgo": Select, "runtime.block": SelectNoCases,
	"runtime.netpollblock": IOWait,
	"runtime.gcParkAssist": GCAssistWait, "runtime.gcAssistAlloc": GCAssistWait, "runtime.gcAssistAlloc1": GCAssistWait,
	"runtime.gcBgMarkWorker": GCWorker, "runtime.bgsweep": GCWorker, "runtime.bgscavenge": GCWorker, "runtime.forcegchelper": GCWorker,
	"runtime.runfinq": Finalizer, "runtime.runFinalizers": Finalizer, "runtime.runCleanups": Finalizer,
	"runtime.(*cleanupQueue).dequeue": Finalizer,
	"runtime.coroswitch":              Coroutine, "runtime.corostart": Coroutine,
}

// shown are reasons among the visible frames: they decide also where the frames above them have no name.
var shown = map[string]State{
	"time.Sleep":                     Sleep,
	"internal/poll.runtime_pollWait": IOWait, "internal/poll.runtime_Semacquire": Semacquire,
	"sync.runtime_notifyListWait": CondWait, "sync.(*Cond).Wait": CondWait,
	"sync.(*Mutex).lockSlow": MutexLock, "sync.(*Mutex).Lock": MutexLock,
	"internal/sync.(*Mutex).lockSlow": MutexLock, "internal/sync.(*Mutex).Lock": MutexLock,
	"sync.(*RWMutex).Lock": RWMutexLock, "sync.(*RWMutex).RLock": RWMutexRLock,
	"sync.(*WaitGroup).Wait": WaitGroupWait,
}

// calls are the functions at the leaf of a goroutine that is in a system call, and the beginnings of others.
var calls = map[string]bool{"runtime.notetsleepg": true, "runtime.cgocall": true, "runtime.entersyscallblock": true}

var callPrefixes = []string{
	"syscall.Syscall", "syscall.syscall", "syscall.RawSyscall", "syscall.rawSyscall", "syscall.rawVfork",
	"runtime.entersyscall", "runtime.reentersyscall", "internal/runtime/syscall.", "internal/runtime/syscall/",
}

func isCall(name string) bool { return calls[name] || hasAnyPrefix(name, callPrefixes) }

// parks are the functions at the leaf of a goroutine that waits.
func isPark(name string) bool {
	return name == "runtime.gopark" || strings.HasPrefix(name, "runtime.coroswitch")
}

// trait is what the rules say of one frame.
type trait struct {
	named     bool // it has a name; only hidden frames may lack one
	parks     bool // at the leaf: the goroutine waits
	calls     bool // at the leaf: the goroutine is in a system call
	semaphore bool
	shown     bool // state is from shown
	state     State
	inMap     bool // it is an operation on a map
}

func traitOf(name string) trait {
	t := trait{
		named: name != "", parks: isPark(name), calls: isCall(name), semaphore: strings.HasPrefix(name, "runtime.semacquire"),
		inMap: hasAnyPrefix(name, mapOperations),
	}
	if t.state, t.shown = shown[name]; !t.shown {
		t.state = reasons[name]
	}
	return t
}

// stateOf reads the frames from the leaf to the site.
//
//  1. A leaf that neither parks nor calls the system runs, or would like to.
//  2. Else the first frame that has a reason tells it. Locks end in the same functions of the runtime, so what tells them
//     apart stands further down.
//  3. Without the leaf's name only the visible frames can tell.
func stateOf(frames []trait) State {
	if len(frames) == 0 {
		return Unknown
	}
	switch leaf := &frames[0]; {
	case leaf.calls:
		return Syscall
	case leaf.named && !leaf.parks:
		return Runnable
	}
	unnamed, semaphore := false, false
	for i := range frames {
		f := &frames[i]
		unnamed = unnamed || !f.named
		semaphore = semaphore || f.semaphore
		switch {
		case f.shown, !unnamed && f.state != "":
			return f.state
		case unnamed && f.calls:
			return Syscall
		}
	}
	switch {
	case unnamed:
		return Unknown
	case semaphore:
		return Semacquire
	}
	return Waiting
}

// inMap reports whether one of the frames from the leaf to the site is an operation on a map. The site itself is none: the
// library's functions are passed over.
func inMap(frames []trait) bool {
	return slices.ContainsFunc(frames, func(f trait) bool { return f.inMap })
}

// mapOperations are the beginnings of the functions of maps: up to Go 1.23 they are in the runtime, from 1.24 on the
// runtime calls those of internal/runtime/maps.
var mapOperations = []string{
	"internal/runtime/maps.",
	"runtime.mapassign", "runtime.mapaccess", "runtime.mapdelete", "runtime.mapiter", "runtime.mapIter", "runtime.mapclear",
	"runtime.mapclone", "runtime.makemap", "runtime.hashGrow", "runtime.growWork", "runtime.evacuate", "runtime.(*hmap).",
	"runtime.advanceEvacuationMark", "runtime.makeBucketArray",
	"reflect.map", "reflect.(*MapIter).", "sync.(*Map).", "internal/sync.(*HashTrieMap",
}

func hasAnyPrefix(name string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
