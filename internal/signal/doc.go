// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package signal turns what was observed of one Go process into signals: numbers over a window that say what its
// garbage collector and its maps are doing. It is pure: no clock, no I/O, no telemetry library.
//
//  1. Check: an observation with a number that cannot be (NaN, infinite, negative) or without one that must be is refused
//     whole, and said so (observation.go).
//  2. Order: an observation that is not newer than the last one is refused; if it is older by more than a window, the
//     scraper's clock was set back and the memory begins afresh (heap.go, trace.go).
//  3. Restart: a start time that changed or a cumulative number that went back is another process; its memory begins
//     afresh with this observation, and says so.
//  4. Remember: MemStats are exact at the read, so what was allocated is kept by the time of the read. What a heap profile
//     says is true for the end of GC n-1 (heapgate.observed_until), so profile, pauses and GC CPU are kept by that time,
//     and only when NumGC advanced: without a new GC the cumulative values repeat, and a rate over the scrape interval
//     would invent a zero. gctrace is kept by the age of the process at the end of its last cycle, so that the CPU times of the
//     cycles after that of one point, up to that of another, stand over the time in which they ran: cycles may take most of a
//     window, and counted from their starts a share would be that of another time. Each history is one window long
//     and holds a bounded number of points; when it is full, the one that leaves the smallest hole goes (history.go).
//  5. Derive: a rate is what became visible divided by the time over which it became visible (heap.go, trace.go,
//     pauses.go). The growth of a map is judged over the whole window, never per scrape, since the tables of one map split
//     in bursts (maps.go).
//  6. Repeat: gauges describe the window up to now. An observation without a new GC yields the same values again, so that
//     the coverage of an idle process is honest, until no GC was heard for the length of a window.
//     The state of the collector holds longer, until 100 s without a cycle tell an idle process from a long cycle.
//  7. Compare: what both halves say of the collector is judged by MemStats, the runtime's own account, and gctrace stands in
//     where there are none; over the same cycles they must agree (gc_state.go, gc_profile.go). A memory limit is in the
//     goals: those of GOGC amount to a lower one than what was declared, and never to the same one while the live heap
//     moves (gc_limit.go). Goals at the live heap tell of a limit where hardly anything was left above it (gc_goal.go).
//
// A process has two halves, the heap text and gctrace. They arrive apart, have their own start times and restart apart.
package signal
