// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package crash

import "strings"

// unknown says of each kind what its dump never tells.
var unknown = map[Kind]string{
	MapWrites:         "one of the goroutines that wrote is shown, the other is not known",
	MapReadWrite:      "the shown goroutine is the reader, the writer is not known",
	MapIterationWrite: "the shown goroutine is the one that iterates, the writer is not known",
	MapCloneWrite:     "the shown goroutine is the one that clones, the writer is not known",
	OutOfMemory:       "the shown goroutine only made the last allocation, what holds the memory is not known",
	StackOverflow:     "the stack ran out in the shown function, the recursion may have begun elsewhere",
	Deadlock:          "every goroutine waits, the shown one is only the first of them",
}

// notes says what is not known.
func (d *dump) notes() (notes []string) {
	c, s := &d.crash, &d.stack
	if c.State == "" && len(s.frames) == 0 {
		return []string{"no goroutine is shown: GOTRACEBACK=none, or the dump was cut off"}
	}
	if d.twice != "" {
		notes = append(notes, "two goroutines died at once (the other of "+string(d.twice)+"), the shown one can be either of them")
	} else if text := unknown[c.Kind]; text != "" {
		notes = append(notes, text)
	}
	switch {
	case c.Kind == Deadlock, c.Kind == Signal, c.State == "":
	case !strings.HasPrefix(c.State, "running") && !strings.HasPrefix(c.State, "copystack"):
		notes = append(notes, "the shown goroutine was not running, it may have nothing to do with the crash")
	}
	user := s.user(c.Kind)
	switch {
	case s.unavailable && !user.found:
		notes = append(notes, "the stack of the shown goroutine is not available")
	case !user.found && len(s.frames) == 0:
		notes = append(notes, "the dump was cut off before the stack")
	case !user.found:
		notes = append(notes, "no frame outside of the runtime is shown")
	case user.site.Line == 0:
		notes = append(notes, "the file or line of the user frame is torn or cut off")
	}
	if c.State == "" {
		notes = append(notes, "the number of the shown goroutine is torn")
	}
	if s.torn || s.mixed && c.Kind == Panic { // the user frame of a panic can stand anywhere
		notes = append(notes, "lines of others stand in the stack, a frame nearer to the crash may be missing")
	}
	return notes
}
