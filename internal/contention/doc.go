// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package contention tells from a mutex or a block profile how often and how long goroutines waited for one another, by
// call site, since the process started.
//
// The sites of the two kinds are not the same people: a mutex profile shows who held the lock while others waited (the
// stack of the unlock), a block profile shows who waited. The algorithm:
//
//  1. columns finds the two values of a sample: contentions, and the delay in nanoseconds. Go scaled both by the sampling
//     rate already.
//  2. A profile without any sample is one that the program did not ask for (runtime.SetMutexProfileFraction,
//     runtime.SetBlockProfileRate): Enabled is false, and nothing is said of how much it waited. (One that asked and has
//     never waited yet looks the same.)
//  3. walk goes through the frames of one sample from the leaf. Those of the runtime and of sync say what was waited for
//     (Wait); the first that is neither these nor below internal/ is the site. A stack of the runtime alone, of a lock of
//     its own, is shown by its first frame that is no lock.
//  4. Sites of one place are added up, whatever they waited for; Wait is what most of the delay was for.
//
// The numbers are cumulative. A caller who takes differences must notice that a process started afresh: then they go back.
package contention
