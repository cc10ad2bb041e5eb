// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package probe visits one Go process over HTTP and brings home what its runtime says of itself.
//
// One visit, within one deadline:
//
//  1. GET heap?debug=1 streams into heap.Parse. Without it there is no observation.
//  2. Memory decides whether this is the process of the visit before: MemStats may not go back, and the GC cycle that was
//     the last one then must still be in the ring of pauses, with the same end.
//  3. GET symbol?0xADDRESS+... names the runtime's frames that Memory does not know yet.
//  4. GET goroutine?debug=1 for its first line, and /debug/vars, if Settings ask for them.
//
// What fails after step 1 loses nothing that was heard: it is in Observation.Partial.
//
// The process is a stranger: no redirect is followed, each body has a limit (also behind its compression), is drained a
// little and closed, and an error shows neither userinfo nor content of the answer beyond an excerpt of its beginning.
package probe
