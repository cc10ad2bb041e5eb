// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../tools/go.mod mdatagen metadata.yaml

// Package processor is the collector's processor go_signals: it remembers what the receiver go_runtime heard of each process
// and appends what follows from it.
//
//  1. Decode: the receiver's metrics of one resource become a plain observation, a file a part (decode*.go).
//  2. Identify: all resource attributes together are the target (identity.go).
//  3. Observe: what is usual for the workload is added (baseline*.go), and the target's memory learns from the observation and
//     returns signals and changes (state.go, internal/signal). The memory is bounded in number, bytes (size.go) and age.
//  4. Emit: the signals are appended to the same resource as a scope of their own (emit*.go).
//  5. Tell: the changes become log records where the same component stands in a pipeline of logs (changes.go, component.go).
//
// Everything that came in goes on as it was, also what is of somebody else, refused or malformed: this processor only adds.
package processor
