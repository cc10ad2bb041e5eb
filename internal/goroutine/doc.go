// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package goroutine reads the texts of /debug/pprof/goroutine?debug=1 and goroutineleak?debug=1 and tells where the
// goroutines of a process are and what they wait for.
//
// The text costs the process less than the form with debug=2, which writes every goroutine of its own under one
// stop-the-world, and has no state in it. But the runtime's own frames at the leaf of a stack say what a goroutine waits
// for: runtime.gopark called by runtime.selectgo is a select. These frames are hidden as in a heap text: only their
// addresses are there, and their names are asked of /debug/pprof/symbol.
//
// The body is never held whole. The algorithm:
//
//  1. The header tells which profile it is and how many goroutines there are.
//  2. A record tells how many goroutines have one stack, and perhaps, on a line of its own, one set of pprof labels.
//     Records of one stack with other labels are added up; what the labels say is of no interest.
//  3. stacktext.Reader finds the hidden addresses and the visible frames down to the site: the first frame that is not of
//     the standard library. A stack without one belongs to the function that its goroutine began with.
//  4. topStacks keeps the few most frequent stacks whole.
//  5. At the end the records must add up to the header's number: a text that broke off does not.
//  6. Text.Unknown says which addresses need a name, Text.Snapshot gives each chain its state and adds up the sites.
//  7. Table keeps what a site had when the process was first heard, and tells how much it grew since.
//
// Texts of Go 1.19 to 1.26 are covered.
package goroutine
