// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package exectrace tells from an execution trace (/debug/pprof/trace) how often and how long the world stood still and
// why, who had to help marking and where, how long the collector marked, and which goroutines stood waiting meanwhile.
//
// Traces of Go 1.11 to 1.26 are read: those since 1.22 with golang.org/x/exp/trace, older ones here (v1.go says why). The
// algorithm:
//
//  1. Read takes the stream up to a limit and finds the format's version.
//  2. vetV2 walks over the batches of a trace: it finds its whole generations, and refuses one whose tables are above the
//     limits before anything is built of them. v1Parser does the same for the old format, which is one generation.
//  3. A generation that is cut off says nothing: names, stacks and (up to Go 1.24) the clock's frequency are written at its
//     end, about once a second. So a cut trace is told of its whole generations alone, Truncated, and is ErrTruncated where
//     it has none. A shorter trace is the remedy.
//  4. drain and v1Feeder bring the events, in the order of their time, to one machine.
//  5. The machine's mark clock runs while a cycle is open and the world is not stopped: concurrent marking. A cycle that
//     was open before the window counts from the window's begin.
//  6. A stop of the world goes from its begin to its end, under its reason; one that is open at either end of the window is
//     left out. It begins when the others are asked to stop, so sums are some microseconds a pause above the runtime's own.
//  7. An assist belongs to the call site of the stack with which it began, or of the goroutine's next stack where it began
//     before the window.
//  8. A goroutine that is runnable or blocked is charged to that state with what the mark clock went on meanwhile. The
//     runtime's own goroutines (all of the stack is the runtime's) and the observer's are left out. Those that stood
//     blocked from the window's begin to its end are Idle: they waited for work and not for the collector.
//
// Parsing a trace takes the CPU of some 25 to 40 ms a MB and up to 6 bytes of memory for one of the trace; up to Go 1.21,
// whose traces are denser, 20 to 60 ms and 15 bytes (BenchmarkRead).
package exectrace
