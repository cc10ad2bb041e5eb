// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import "github.com/heapgate/heapgate/internal/crash"

// Record is one record found in the stream: exactly one of Cycle and Bad is set. It is valid until the next Scan; a copy
// of *Cycle stays valid.
type Record struct {
	Line   int   // 1-based line on which the record starts: of the wrapped file if Unwrap's reader was given
	Offset int64 // of its first byte; behind a docker or CRI wrapper, of the first byte of that line
	Cycle  *Cycle
	Bad    *Bad
}

// Bad is a record that began and could not be read to its end with certainty.
type Bad struct {
	Reason Reason
	Text   string // where it began, at most maxExcerpt bytes of one line
}

// Reason says why a record is bad.
type Reason string

const (
	Torn        Reason = "torn"               // its rest did not come: another record, a fragment without newline, or the end
	Interleaved Reason = "interleaved"        // it began inside another one: two processes write one stream
	TooMany     Reason = "too_ambiguous"      // more than maxAbsent of its fields have several readings
	LineTooLong Reason = "line_too_long"      // a foreign line inside it is longer than MaxLineBytes
	TooForeign  Reason = "too_much_foreign"   // MaxForeignLines or MaxForeignBytes of foreign text inside it
	Unsupported Reason = "unsupported_format" // Go 1.4 or older
)

const (
	maxExcerpt = 160
	maxAbsent  = 4
)

// Counts of the records so far. Records = Intact + Mended + Ambiguous + Bad.
type Counts struct{ Records, Intact, Mended, Ambiguous, Bad int64 }

// Settings bound what a Scanner does for one torn record. Zero values are the defaults.
type Settings struct {
	// Crashes is offered the text as far as the Scanner has read it, never further. Scan flushes it at the end of the
	// input. The caller tells it when the input is silent (crash.Recogniser.Idle): a dead process ends no dump. It is for
	// one Scanner at a time, and all of it happens in the goroutine that scans. Nil: nobody looks for crashes.
	Crashes *crash.Recogniser

	MaxLineBytes    int // of one foreign line inside a record; default 16 KiB
	MaxForeignLines int // inside one record; default 64
	MaxForeignBytes int // inside one record; default 64 KiB
}

func (s Settings) withDefaults() Settings {
	if s.MaxLineBytes <= 0 {
		s.MaxLineBytes = 16 << 10
	}
	if s.MaxForeignLines <= 0 {
		s.MaxForeignLines = 64
	}
	if s.MaxForeignBytes <= 0 {
		s.MaxForeignBytes = 64 << 10
	}
	return s
}
