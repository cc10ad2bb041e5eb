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
//     one, `122026` in six). Each cut is a reading of its own. So is a gap before the number.
//  5. Offer every following line to every reading: it goes on, or it is foreign. A reading that is left waiting for a
//     token that never comes dies with the record.
//  6. The reading that reaches the end is the cycle. Where several do, those with a known beginning of a log line at
//     each cut (heads.go) win; what they do not agree on is absent, never guessed.
//  7. A record is bad (record.go) when another one begins in it, when its own tokens go by behind a fragment without
//     newline, when it holds too much foreign text, or when the stream ends.
//
// Tokens of two processes can meet in one record only if one begins while the other is unfinished: such a record is bad.
// What cannot be seen is foreign text that itself reads like the runtime's next token.
//
// Unwrap (unwrap.go) takes off what container runtimes put around lines. Streams (streams.go) tells the cycles of
// several processes in one stream apart.
//
// The formats were read in the print statements of runtime/mgc.go of Go 1.5 to 1.26. `GC forced`, scavtrace, the pacer's
// trace, inittrace and the scan lines of gctrace=2 are foreign text as any other.
package gctrace
