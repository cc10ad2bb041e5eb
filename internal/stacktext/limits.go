// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package stacktext

import (
	"errors"
	"fmt"
)

// Limits bound what one text may cost. A zero field means its default; crossing a limit refuses the text with a
// *LimitError, except for NameBytes, which cuts the name and is counted in Table.CutNames.
type Limits struct {
	Bytes     int64 // of the whole text; default 64 MiB
	LineBytes int   // of one line; default 64 KiB, and as much is held
	Records   int   // stacks with their numbers; default 1,000,000
	Groups    int   // distinct (hidden addresses, visible frames up to the site); default 50,000
	Addresses int   // addresses held over all groups; default 500,000
	NameBytes int   // of one function or file name; default 1024
}

// WithDefaults fills the fields that are not set.
func (l Limits) WithDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 64 << 20
	}
	if l.LineBytes <= 0 {
		l.LineBytes = 64 << 10
	}
	if l.Records <= 0 {
		l.Records = 1_000_000
	}
	if l.Groups <= 0 {
		l.Groups = 50_000
	}
	if l.Addresses <= 0 {
		l.Addresses = 500_000
	}
	if l.NameBytes <= 0 {
		l.NameBytes = 1024
	}
	return l
}

// ErrTruncated says that a text ends before its end. Each format wraps it with its own name.
var ErrTruncated = errors.New("text is cut off")

// LimitError says which limit a text crossed.
type LimitError struct {
	What  string // bytes, bytes in a line, records, ...
	Limit int64
	Line  int // 1-based; 0 when it is not about a line
}

func (e *LimitError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("more than %d %s", e.Limit, e.What)
	}
	return fmt.Sprintf("line %d: more than %d %s", e.Line, e.Limit, e.What)
}

// SyntaxError says what in a text is not as Go writes it.
type SyntaxError struct {
	Line int // 1-based
	Msg  string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Msg) }

// Excerpt quotes the beginning of foreign text for an error message.
func Excerpt(b []byte) string {
	if len(b) > 60 {
		return fmt.Sprintf("%.60q...", b)
	}
	return fmt.Sprintf("%q", b)
}
