// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package gctrace reads GC cycles out of the stderr of Go programs, where they stand between the lines of everybody else
// who writes there.
//
// The runtime writes one gctrace line in about 39 write(2) calls of 1 to 13 bytes, and the write of another thread can
// stand between any two of them:
//
//	gc 4 @0.0282026/11/21 06:00:00 level=info msg="request done"
//	s 3%: 0.028+1.5+0.001 ms clock, ...
//
// The Scanner works so:
//
//  1. Look for "gc ", anywhere in a line (look.go). Nothing else of the foreign text is looked at.
//  2. An undamaged record is read at once, by the runtime's exact grammar (intact.go).
//  3. Otherwise read tokens as far as they go (mend.go). Where they end, foreign text begins: one or more whole lines, so
//     that the record goes on at the start of a later line, with the token that is next in the grammar (grammar.go).
//  4. A number with foreign digits glued to it is cut in every way that the runtime could have printed (`@0.0282026` in
//     one, `122026` in six), and a gap can stand before it (gap.go). Cuts behind which a log line is known to begin
//     (heads.go: dates, level=, {"...) win over the others. Each cut that is left is a reading of its own.
//  5. Offer every following line to every reading: it goes on, or it is foreign. A reading that waits for a token that
//     never comes dies with the record.
//  6. The readings that reach the end are the cycle: what they do not agree on is absent, never guessed.
//  7. A record is bad (record.go) when another one begins in it, when its own tokens go by behind a fragment without
//     newline, when it holds too much foreign text, or when the stream ends.
//
// A record is delivered when its newline was read. If foreign text stands before that, it ends with " (forced)" or with
// an empty line and one more line, by which " (forced)" would have come.
//
// What cannot be seen: foreign text that is itself the runtime's next token, such as an empty line directly behind " P";
// and, where two processes write one stream, a process that is stopped inside a record while the other writes several,
// and goes on at the very token at which the other is stopped. A record that begins inside an unfinished one is bad
// unless it is the next cycle of the same process. Streams.Mixed tells when several processes write.
//
// Unwrap (unwrap.go) takes off what container runtimes put around lines. Streams (streams.go) tells the cycles of
// several processes in one stream apart. Settings.Crashes finds the dumps of dying processes in the same text (package
// crash); no Checkpoint lies inside of one, so that a crash that is read again after a restart is known by its offset.
//
// The formats were read in the print statements of runtime/mgc.go of Go 1.5 to 1.26. `GC forced`, scavtrace, the pacer's
// trace, inittrace and the scan lines of gctrace=2 are foreign text as any other. They are printed under the runtime's
// print lock, as the records are, so that they never stand inside of one. Neighbours counts them (neighbours.go).
package gctrace
