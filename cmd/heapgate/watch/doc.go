// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package watch is the detector behind the gate: it compares what every guarded workload of a cluster is told to run with the verdicts
// that were recorded, and says which image came in without one, whatever way it came.
//
//  1. informers: keep a small copy of the guarded workloads and of the ConfigMaps heapgate-verdicts;
//  2. decide: the state of one workload from its image and its record; a pure function;
//  3. memory: what the detector has seen before, so that a record which was deleted or rewritten by hand is noticed;
//  4. tell: metrics always, a line of log and an Event when a workload becomes unverified.
//
// It only asks: it never stops, changes or deletes anything.
package watch
