// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package cpu tells from a CPU profile how much of a program's CPU its garbage collector took, by class, and how much its
// growing maps took, by call site.
//
// A CPU profile keeps the runtime's frames (a heap profile in protobuf form does not). Leaf functions change from one Go
// version to the next (scanobject, scanObject, scanSpan ...), the functions that call them have not since Go 1.19: so a
// sample is classified by any frame of its stack, never by its leaf. The algorithm:
//
//  1. columns finds the two values of a sample: how often it was seen, and how much CPU time that stands for.
//  2. learn says of each function once what it means: a class of the collector, map growth, the observer, or no call
//     site.
//  3. walk goes through the frames of one sample from the leaf to the root, inlined ones included. A frame of the observer
//     anywhere (whoever writes or serves this profile) sets the sample apart; the rest is the program.
//  4. The class of a sample is that of the frame nearest to the leaf that has one, because that is the work that was done:
//     the frames above it only led to it. So the end of a cycle run by a mark worker is control and not mark_bg, and
//     classes are disjoint: their shares add up to the total.
//  5. A sample without a class that has a frame of map growth belongs to the site of the growth: the first caller behind
//     that frame that is neither the runtime nor the library on the way to it. The collector's work inside a growth is the
//     collector's. So GC shares, map growth and the rest are disjoint too.
//  6. Of divides by the program's CPU time and gives each share its standard error.
//
// assist and mark_bg together (MarkShare) are what the runtime's own accounts have: /cpu/classes/gc/total and the cpu
// fields of gctrace. These omit sweeping while allocating and flushing the write barrier, which TotalShare has.
package cpu
