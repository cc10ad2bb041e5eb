// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:generate go tool -modfile=../tools/go.mod mdatagen metadata.yaml

// Package connector is the connector go_profiles: it makes of OTLP heap profiles of Go programs, whoever took them, the
// metrics that the go_signals processor derives signals from.
//
//  1. Group: the four sample types of a heap profile are four OTLP Profiles; those of one resource that end at the same
//     time are one snapshot (read.go).
//  2. Weigh: a sample's stack gives its site and class, as far as its frames show them. The values are unsampled, so the
//     number of samples and their variance are computed back from the period (sites.go).
//  3. Guess: the protobuf form of a heap profile has no runtime frames, so a map that grows looks like any value. Where the
//     blocks of a site have the sizes of a map's tables, it is counted as one (sites.go).
//  4. Add up: a delta is added to what was heard before; a cumulative snapshot is taken as it is (memory.go).
//  5. Emit: the receiver's metrics of map sites, and the attribute heapgate.confidence = low on the resource (emit.go).
//
// What a process alone can tell is not made up: GC cycles, pauses, exact allocation. go_signals therefore says of such a
// process what its profiles say, and warns that the confidence is low.
package connector
