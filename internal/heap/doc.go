// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package heap reads the text of /debug/pprof/heap?debug=1 and tells how many bytes each call site allocated, by class:
// growing maps, presizing them, filling them, or something else.
//
// The text is the only form of a Go heap profile that keeps the runtime's own frames: the protobuf form drops every
// leading frame below runtime and internal/runtime, and with them the difference between a map that grows and the value
// put into it. The text lists all return addresses of a stack after the '@', and names on '#' lines those that are not
// hidden; the hidden ones are asked of /debug/pprof/symbol by the caller.
//
// Addresses are call addresses, see package stacktext, which reads what heap texts and goroutine texts have in common.
//
// The body is never held whole. The algorithm:
//
//  1. stacktext.Reader cuts the stream into lines, within limits.
//  2. The header tells the sampling rate: twice MemProfileRate.
//  3. record reads the numbers of one bucket and unsamples them as google/pprof does: a block of s bytes is sampled with
//     p = 1-exp(-s/rate), so the bucket counts 1/p times. Its Horvitz-Thompson variance is n*s*s*(1-p)/(p*p).
//  4. stacktext.Reader finds the hidden addresses (those before the first one that has a '#' line), follows the visible
//     frames down to the call site, and notices the observer's own stacks (whatever is called from net/http/pprof).
//  5. finish adds the bucket to the group of its chain: equal hidden addresses and equal visible frames up to the site.
//  6. The tail is MemStats. It comes last: a text without its end is refused as a whole (ErrTruncated).
//  7. Text.Unknown says which addresses need a name, Text.Snapshot gives each group its class (classify) and adds the
//     groups of one site and class.
//
// Snapshot.Families tells avoidable ways of allocating, by the line of the user's own code that asked for it (family*.go):
//
//  1. Each frame has marks by its name, made once for a name: it is a library's, it walks a map, it logs ... A name of the
//     standard library counts only where the file is of it too, since a user's package may be called log.
//  2. Behind a site in a library whose allocations may be of a family, the stack is read on until its owner: the first
//     frame that is neither the runtime, nor the standard library, nor a logging or encoding library. A stack without one
//     is in no family. All other stacks cost nothing.
//  3. The marks of all frames from the leaf to the owner tell the family (familyOf). The user's own call wins over what it
//     leads to: map_to_string, logging, json; these hold whatever the call allocates, and visible frames prove them even
//     where hidden ones have no name. Then string_concat, bytes_churn, slice_growth, boxing; these need the names of the
//     hidden frames, and nothing between the leaf and the owner but packages that convert on their caller's behalf. What
//     the collector allocates for itself is in none.
//  4. Up to Go 1.25 runtime.mProf_Malloc leaves out the frame that called mallocgc, so that a bare append, string(b) and
//     boxing cannot be told from make: they are in no family there. From Go 1.26 on every stack begins with mallocgc.
//
// Texts of Go 1.19 to 1.26 are covered, with Swiss maps and with the maps before them.
package heap
