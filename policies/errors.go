// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

// CompileError says that a pack cannot be used: files, limits, schemas or rules are wrong. It is a mistake of configuration.
type CompileError struct{ Err error }

func (e *CompileError) Error() string { return "policies: " + e.Err.Error() }

func (e *CompileError) Unwrap() error { return e.Err }

// EvalError says that there is no result: the evidence does not fit its schema, or a rule failed, panicked or did not end.
type EvalError struct{ Err error }

func (e *EvalError) Error() string { return "evaluate policies: " + e.Err.Error() }

func (e *EvalError) Unwrap() error { return e.Err }

// BundleErrorKind says why a bundle is refused.
type BundleErrorKind string

const (
	BundleKey       BundleErrorKind = "key"       // the given key is no P-256 public key
	BundleTooLarge  BundleErrorKind = "too large" // as it comes, or inflated
	BundleMalformed BundleErrorKind = "malformed" // no bundle of ours
	BundleUnsigned  BundleErrorKind = "unsigned"
	BundleUntrusted BundleErrorKind = "untrusted" // signed with another key
	BundleTampered  BundleErrorKind = "tampered"  // a file was changed, added or taken away after it was signed
)

// BundleError says that a bundle is not to be trusted or no bundle at all. It is a mistake of configuration, or an attack.
type BundleError struct {
	Kind BundleErrorKind
	Err  error
}

func (e *BundleError) Error() string {
	return "policy bundle (" + string(e.Kind) + "): " + e.Err.Error()
}

func (e *BundleError) Unwrap() error { return e.Err }
