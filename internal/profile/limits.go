// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"errors"
	"fmt"
)

// Limits bound what one profile may cost. A zero field means its default; crossing a limit refuses the profile with a
// *LimitError, except for NameBytes, which cuts the name.
type Limits struct {
	WireBytes    int64 // of the body as it comes; default 16 MiB
	Bytes        int64 // of the inflated body, all of which is held; default 64 MiB
	MessageBytes int   // of one sample, location, string, ...; default 1 MiB
	SampleTypes  int   // default 64
	Samples      int   // default 250,000
	Frames       int   // locations of one sample, added over all samples; default 8,000,000
	StackDepth   int   // locations of one sample; default 2048 (Go cuts at 32, 128, or 1024 where it is asked to)
	Labels       int   // of all samples; default 500,000
	Locations    int   // default 250,000
	Lines        int   // of all locations; default 1,000,000
	Functions    int   // default 250,000
	Mappings     int   // default 20,000
	Strings      int   // default 500,000
	Comments     int   // default 1,000
	NameBytes    int   // of one string; default 1024
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.WireBytes, 16<<20)
	setDefault(&l.Bytes, 64<<20)
	l.Bytes = min(l.Bytes, 1<<31) // span
	setDefault(&l.MessageBytes, 1<<20)
	setDefault(&l.SampleTypes, 64)
	setDefault(&l.Samples, 250_000)
	setDefault(&l.Frames, 8_000_000)
	setDefault(&l.StackDepth, 2048)
	setDefault(&l.Labels, 500_000)
	setDefault(&l.Locations, 250_000)
	setDefault(&l.Lines, 1_000_000)
	setDefault(&l.Functions, 250_000)
	setDefault(&l.Mappings, 20_000)
	setDefault(&l.Strings, 500_000)
	setDefault(&l.Comments, 1_000)
	setDefault(&l.NameBytes, 1024)
	return l
}

func setDefault[N int | int64](limit *N, value N) {
	if *limit <= 0 {
		*limit = value
	}
}

// ErrNotProfile says that the body is something else: a page of HTML, a text profile, nothing at all.
var ErrNotProfile = errors.New("not a pprof protobuf, gzipped or plain")

// ErrTruncated says that the body ends too early, and wraps the reader's own error where that broke off.
var ErrTruncated = errors.New("profile is cut off")

// LimitError says which limit a profile crossed.
type LimitError struct {
	What  string // bytes, samples, locations of one sample, ...
	Limit int64
}

func (e *LimitError) Error() string { return fmt.Sprintf("more than %d %s", e.Limit, e.What) }

func limitError[N int | int64](what string, limit N) error {
	return &LimitError{What: what, Limit: int64(limit)}
}

// SyntaxError says what in a profile is not as profile.proto and gzip have it.
type SyntaxError struct {
	Offset int64 // of the top-level field, in the inflated body
	Msg    string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("at byte %d: %s", e.Offset, e.Msg) }
