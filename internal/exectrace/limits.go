// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exectrace

import (
	"errors"
	"fmt"
)

// Limits bound what one trace may cost. A zero field means its default. Crossing Bytes, Events or Goroutines cuts the
// trace: the Result is of what came before, and Truncated. Crossing another refuses the trace with a *LimitError, before
// anything is allocated for what is too much.
type Limits struct {
	Bytes      int64 // read of the stream; all of them are held; default 5 MiB
	Events     int   // default 2,000,000; up to Go 1.21 crossing it refuses the trace
	Goroutines int   // alive at one time; default 200,000
	Strings    int   // of one generation; default 200,000
	Frames     int   // of all stacks of one generation; default 400,000
	Threads    int   // with events in one generation; default 4,096
	Sites      int   // named ones of mark assist; default 100
	NameBytes  int   // of one function or file name; default 1024
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.Bytes, 5<<20)
	setDefault(&l.Events, 2_000_000)
	setDefault(&l.Goroutines, 200_000)
	setDefault(&l.Strings, 200_000)
	setDefault(&l.Frames, 400_000)
	setDefault(&l.Threads, 4096)
	setDefault(&l.Sites, 100)
	setDefault(&l.NameBytes, 1024)
	return l
}

func setDefault[N int | int64](limit *N, value N) {
	if *limit <= 0 {
		*limit = value
	}
}

// ErrNotTrace says that the body is something else: a page of HTML, a profile, nothing at all.
var ErrNotTrace = errors.New(`not an execution trace: it must begin with "go 1.N trace"`)

// ErrVersion says that the trace is of a Go that this package does not know.
var ErrVersion = errors.New("unknown version of the trace format")

// ErrTruncated says that the trace ends, or crosses Limits.Bytes, before anything in it can be told. The tables that name
// things and the clock's frequency come last in each generation (about a second; the whole trace up to Go 1.21), so a
// shorter trace helps.
var ErrTruncated = errors.New("trace is cut off before its first generation is complete")

// LimitError says which limit a trace crossed.
type LimitError struct {
	What  string // strings, frames, threads, events
	Limit int64
}

func (e *LimitError) Error() string { return fmt.Sprintf("more than %d %s", e.Limit, e.What) }

func limitError(what string, limit int) error {
	return &LimitError{What: what, Limit: int64(limit)}
}

// SyntaxError says what in a trace is not as Go writes it.
type SyntaxError struct {
	Offset int64 // in the body; -1 when it is not about a place
	Msg    string
}

func (e *SyntaxError) Error() string {
	if e.Offset < 0 {
		return "broken trace: " + e.Msg
	}
	return fmt.Sprintf("broken trace: at byte %d: %s", e.Offset, e.Msg)
}
