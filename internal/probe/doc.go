// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package probe asks one Go process over HTTP for what its runtime says of itself.
//
// One visit, within one deadline:
//
//  1. GET heap?debug=1 streams into heap.Parse. Without it there is no observation.
//  2. Memory decides whether this is the process of the visit before: MemStats may not go back, and the GC cycle that was
//     the last one then must still be in the ring of pauses, with the same end.
//  3. identify finds the names that other processes of the same build gave, see Cache. It asks once in the life of a
//     process, and only if there are frames without a name: GET mutex, the smallest page that has the build id.
//  4. learn asks GET symbol?0xADDRESS+... for the names of the runtime's frames that are still missing.
//
// What fails after step 1 loses nothing that was heard: it is in Observation.Partial.
//
// All other pages are one request each: Get, with a reader for the body, and Goroutines and Vars on top of it. Each
// answer comes with an estimate of what it cost the process.
//
// The process is a stranger: no redirect is followed, each body has a limit (also behind its compression) and is closed,
// nothing that lasts is asked without a deadline, and an error shows neither userinfo nor content of the answer beyond an
// excerpt of its beginning. Where a client may go at all is for its dialer to decide, see package netguard.
package probe
