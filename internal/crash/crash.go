// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package crash

import "time"

// Kind says how a process died.
type Kind string

// The kinds. The first five are what heapgate is for.
const (
	MapWrites         Kind = "concurrent_map_writes"          // one of the writers is shown
	MapReadWrite      Kind = "concurrent_map_read_write"      // the reader is shown
	MapIterationWrite Kind = "concurrent_map_iteration_write" // the one that iterates is shown
	MapCloneWrite     Kind = "concurrent_map_clone_write"     // the one that clones is shown
	OutOfMemory       Kind = "out_of_memory"                  // the system gave the runtime no memory: no kernel OOM kill
	StackOverflow     Kind = "stack_overflow"
	Deadlock          Kind = "deadlock" // all goroutines are asleep
	Panic             Kind = "panic"    // nobody recovered; a nil dereference is one
	Signal            Kind = "signal"   // not turned into a panic: SIGQUIT, SIGABRT, SIGSEGV in C
	Fatal             Kind = "fatal_error"
)

// Kinds lists all of them.
var Kinds = []Kind{
	MapWrites, MapReadWrite, MapIterationWrite, MapCloneWrite, OutOfMemory, StackOverflow, Deadlock, Panic, Signal, Fatal,
}

// Frame is a call. A part that other writers have torn is empty.
type Frame struct {
	Function string // as pprof names it: import path, receiver, name
	File     string
	Line     int // 0: not known
}

// Crash is what one dump says. All text is valid UTF-8 without control characters.
type Crash struct {
	Kind      Kind
	Message   string // what the runtime printed behind its head, at most 512 bytes
	Goroutine int64  // number of the goroutine that is shown; 0: none, or its number is torn
	State     string // of that goroutine: running, copystack, chan receive, ...
	Function  string // the user frame, all of it empty if none is known
	File      string
	Line      int
	Caller    Frame     // where the user frame is of the standard library: the first frame outside of it, else empty
	Stack     []Frame   // of that goroutine, leaf first, at most 64
	Notes     []string  // what is not known, sentences without a period
	Offset    int64     // of the dump's first byte in the input; behind a docker or CRI wrapper, of the first byte of that line
	InputLine int       // 1-based line on which the dump begins
	Time      time.Time // when the container runtime read that line; zero where the input is not wrapped
}

// Position is where in the input a byte of the text came from.
type Position struct {
	Offset int64
	Line   int // 1-based
	Time   time.Time
}

const (
	maxMessage = 512
	maxState   = 64
	maxName    = 1024     // bytes of a function or file name
	maxLine    = 4 << 10  // bytes of a line that are looked at
	maxFrames  = 64       // held; the runtime prints 100
	maxLines   = 512      // of the goroutine that is shown
	maxForeign = 64       // lines of others inside a dump
	maxBytes   = 64 << 10 // of the dump up to the end of the goroutine that is shown
	maxRunning = 64       // goroutines of a dump that were running
	silence    = time.Second
	atOnce     = time.Second // two heads further apart are two crashes
)
