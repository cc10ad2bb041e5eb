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
