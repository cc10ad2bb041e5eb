// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package attest

import "fmt"

// Kind says why statements are refused.
type Kind string

// The kinds of refusal.
const (
	KindUnsigned  Kind = "unsigned"  // there is no envelope
	KindMalformed Kind = "malformed" // no envelope, statement or predicate of ours
	KindUntrusted Kind = "untrusted" // no signature by a key that is trusted
	KindSubject   Kind = "subject"   // about another image, several, or none
	KindExpired   Kind = "expired"   // older than wanted, or from the future
	KindDigest    Kind = "digest"    // other evidence or other policies
	KindVerdict   Kind = "verdict"   // another verdict than wanted
	KindKey       Kind = "key"       // no usable key
)

// Error is every error of this package.
type Error struct {
	Kind Kind
	Err  error
}

func (e *Error) Error() string { return "attestation (" + string(e.Kind) + "): " + e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

func malformed(format string, args ...any) error {
	return &Error{KindMalformed, fmt.Errorf(format, args...)}
}

func refuse(kind Kind, format string, args ...any) error {
	return &Error{kind, fmt.Errorf(format, args...)}
}
