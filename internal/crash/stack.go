// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"bytes"
	"slices"
	"strings"
)

// stack is the frames of the goroutine that died, as far as they have come.
type stack struct {
	frames   []Frame
	function []byte // of the frame whose file has not come; nil: none
	creator  bool   // "created by" has come: its file is the last line
	ended    bool

	leaf, origin user // of the whole stack, and of what is behind the panic that came first
	torn         bool // a frame nearer to the leaf than the first of the user's may be missing
	mixed        bool // foreign text stands somewhere in it
	glued        bool // foreign text stands behind the last line
	unavailable  bool // the goroutine ran on another thread
}

// add reads a line. It is false if the line is of no stack.
func (s *stack) add(line []byte) bool {
	s.glued = false
	if file, number, whole, ok := fileLine(line); ok {
		s.glued = !whole
		if s.creator {
			s.ended = true
		} else {
			s.push(Frame{Function: clean(string(s.function), maxName), File: clean(string(file), maxName), Line: number})
		}
		s.function = nil
		return true
	}
	if name, ok := functionLine(line); ok && !bytes.HasPrefix(line, []byte("created by ")) {
		s.flush()
		s.function = append([]byte{}, name...)
		return true
	}
	switch {
	case bytes.HasPrefix(line, []byte("created by ")):
		s.flush()
		s.creator = true
	case bytes.HasPrefix(line, []byte("...")) && bytes.HasSuffix(line, []byte(" elided...")):
		s.flush()
	case string(line) == "\tgoroutine running on other thread; stack unavailable":
		s.unavailable = true
	default:
		return false
	}
	return true
}

// foreign takes a line that is of no stack, whole or behind what it tore.
func (s *stack) foreign(line []byte) {
	s.torn, s.mixed = s.torn || !s.leaf.found, true
	if len(line) > 0 && line[0] == '\t' { // the file that was to come
		s.flush()
	}
}

// flush ends a frame whose file does not come.
func (s *stack) flush() {
	if s.function != nil {
		s.push(Frame{Function: clean(string(s.function), maxName)})
		s.function = nil
	}
}

func (s *stack) push(f Frame) {
	if len(s.frames) < maxFrames {
		s.frames = append(s.frames, f)
	}
	if f.Function == "panic" || f.Function == "runtime.gopanic" {
		s.origin = user{}
	}
	s.leaf.see(f)
	s.origin.see(f)
}

// user is where in the user's program a stack stands.
type user struct {
	site   Frame // first frame that is not passed over
	caller Frame // first one outside of the standard library
	found  bool
	called bool
}

func (u *user) see(f Frame) {
	if !u.found && !isPassedOver(f) {
		u.site, u.found = f, true
	}
	if !u.called && f.Function != "" && !isStandard(f.Function) {
		u.caller, u.called = f, true
	}
}

// user is the user frame and, if the standard library stands between them, its caller.
func (s *stack) user(k Kind) user {
	u := s.leaf
	if k == Panic && s.origin.found {
		u = s.origin
	}
	if u.caller == u.site {
		u.caller = Frame{}
	}
	return u
}

// asked reports whether the stack was printed by the program itself.
func (s *stack) asked() bool {
	return len(s.frames) > 0 && (s.frames[0].Function == "runtime/debug.Stack" || s.frames[0].Function == "runtime/debug.PrintStack")
}

// passedOver are the beginnings of the functions that are not the user's, of the runtime and between it and the call site.
var passedOver = []string{"runtime.", "runtime/", "internal/", "reflect.", "maps.", "sync.", "sync/atomic."}

// isPassedOver goes by the file where the function is torn: src/runtime/panic.go of a Go distribution or of -trimpath.
func isPassedOver(f Frame) bool {
	name := f.Function
	if name == "" {
		name = f.File
		if i := strings.LastIndex(name, "/src/"); i >= 0 {
			name = name[i+len("/src/"):]
		}
		name = strings.Replace(name, "/", ".", 1) // runtime.panic.go, sync.mutex.go
	}
	return name == "panic" || slices.ContainsFunc(passedOver, func(beginning string) bool { return strings.HasPrefix(name, beginning) })
}

// standard has the first elements of the standard library's import paths.
var standard = map[string]bool{}

func init() {
	const all = `archive arena bufio builtin bytes cmp compress container context crypto database debug embed encoding errors expvar
		flag fmt go hash html image index internal io iter log maps math mime net os panic path plugin reflect regexp runtime slices
		sort strconv strings structs sync syscall testing text time unicode unique unsafe vendor weak`
	for _, name := range strings.Fields(all) {
		standard[name] = true
	}
}

// isStandard reports whether a function is of the standard library.
func isStandard(function string) bool {
	if i := strings.IndexAny(function, "./"); i >= 0 {
		function = function[:i]
	}
	return standard[function]
}
