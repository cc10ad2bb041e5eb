// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"bytes"
	"strings"
)

// The heads of a dump: what its first line begins with. Their first bytes are in mayBegin.
const (
	fatalHead    = "fatal error: "
	panicHead    = "panic: "
	memoryHead   = "runtime: out of memory: "
	overflowHead = "runtime: goroutine stack exceeds "
	signalHead   = "SIG"
	signalLine   = "[signal " // behind the message of a panic

	maxHead = len(overflowHead)
)

// mayBegin has the first bytes of the heads.
var mayBegin = [256]bool{'f': true, 'p': true, 'r': true, 'S': true}

// looksLike reports whether text, perhaps not the whole line yet, can be a head or begin with one.
func looksLike(text []byte) bool {
	for _, head := range [...]string{fatalHead, panicHead, memoryHead, overflowHead, signalHead} {
		if n := min(len(head), len(text)); string(text[:n]) == head[:n] {
			return true
		}
	}
	return false
}

// head reads the first line of a dump. certain: nobody but the runtime writes it, so that no stack is needed to believe it.
func head(line []byte) (kind Kind, message []byte, certain, ok bool) {
	switch {
	case bytes.HasPrefix(line, []byte(fatalHead)):
		message = line[len(fatalHead):]
		kind, certain = fatalKind(message)
		return kind, message, certain, true
	case bytes.HasPrefix(line, []byte(panicHead)):
		return Panic, line[len(panicHead):], false, true
	case bytes.HasPrefix(line, []byte(memoryHead+"cannot allocate ")):
		return OutOfMemory, line[len(memoryHead):], true, true
	case bytes.HasPrefix(line, []byte(overflowHead)):
		return StackOverflow, line[len("runtime: "):], true, true
	case isSignal(line):
		return Signal, line, false, true
	}
	return "", nil, false, false
}

// isSignal knows `SIGSEGV: segmentation violation`.
func isSignal(line []byte) bool {
	name, _, ok := bytes.Cut(line, []byte(": "))
	if !ok || len(name) < 6 || len(name) > 10 || string(name[:3]) != signalHead {
		return false
	}
	for _, c := range name {
		if c < '0' || c > '9' && c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}

// messages are what the runtime dies with. Text of others can be glued to them, where a torn line goes on.
var messages = []struct {
	text string
	kind Kind
}{
	{"concurrent map writes", MapWrites},
	{"concurrent map read and map write", MapReadWrite},
	{"concurrent map iteration and map write", MapIterationWrite},
	{"concurrent map clone and map write", MapCloneWrite},
	{"small map with no empty slot (concurrent map writes?)", MapWrites},
	{"runtime: out of memory", OutOfMemory},
	{"runtime: cannot allocate memory", OutOfMemory},
	{"out of memory", OutOfMemory}, // also "... (stackalloc)", "... allocating heap arena map"
	{"pageAlloc: out of memory", OutOfMemory},
	{"trace: out of memory", OutOfMemory},
	{"traceRegion: out of memory", OutOfMemory},
	{"heapdump: out of memory", OutOfMemory},
	{"stack overflow", StackOverflow},
	{"all goroutines are asleep - deadlock!", Deadlock},
	{"no goroutines (main called runtime.Goexit) - deadlock!", Deadlock},
}

// fatalKind finds the kind of a fatal error. certain: the message is the runtime's to the letter.
func fatalKind(message []byte) (kind Kind, certain bool) {
	for _, m := range messages {
		if bytes.HasPrefix(message, []byte(m.text)) {
			return m.kind, len(message) == len(m.text)
		}
	}
	return Fatal, false
}

// known is the runtime's own part of a message to which foreign text may be glued.
func known(message string) string {
	for _, m := range messages {
		if strings.HasPrefix(message, m.text) && m.kind != OutOfMemory {
			return m.text
		}
	}
	return message
}

// isMap reports whether two goroutines were in one map.
func (k Kind) isMap() bool {
	return k == MapWrites || k == MapReadWrite || k == MapIterationWrite || k == MapCloneWrite
}
