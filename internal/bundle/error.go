// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package bundle

import "fmt"

// Kind says why a bundle is refused.
type Kind string

// The kinds of refusal.
const (
	KindTooLarge  Kind = "too large" // as it comes, or inflated, or in number
	KindMalformed Kind = "malformed" // no bundle
	KindTampered  Kind = "tampered"  // a file is not what the manifest says
)

// Error is every error of Read and New.
type Error struct {
	Kind Kind
	Err  error
}

func (e *Error) Error() string { return "evidence bundle (" + string(e.Kind) + "): " + e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

func malformed(format string, args ...any) error {
	return &Error{KindMalformed, fmt.Errorf(format, args...)}
}

func tampered(format string, args ...any) error {
	return &Error{KindTampered, fmt.Errorf(format, args...)}
}

func tooLarge(format string, args ...any) error {
	return &Error{KindTooLarge, fmt.Errorf(format, args...)}
}
