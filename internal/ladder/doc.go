// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package ladder knows how the maps of each Go version allocate, and reads from block sizes alone what a heap profile does
// not say: that a line grows a map, and how many entries a block of a map has room for.
//
// A protobuf heap profile, and an OTLP profile made of one, has no frame of the map's growth: runtime/pprof drops all
// leading frames of the runtime. What is left is the line of the assignment and the label "bytes", the size of the blocks.
// The blocks of a growing map have the sizes C(g), C(2g), C(4g) ..., where C rounds up to what the allocator hands out:
//
//   - Swiss maps (Go 1.24 and later): groups of 8 slots, g = 8 + 8*slot, slot being key and element with their padding. A table
//     ends at 128 groups: from there the map gets more tables of this size.
//   - the maps before, and those of noswissmap: buckets of 8 entries, g = 16 + 8*(key + element), and from 16 buckets on a
//     sixteenth more for overflow. The ladder goes on as long as the map grows.
//   - keys and elements above 128 bytes stand outside, so that g is at most 2056 or 2064 bytes.
//
// Find looks for them:
//
//  1. Add up the blocks of a line by size (find.go).
//  2. Try every group size of both kinds of map, and keep what explains the most adjacent rungs (fit.go).
//  3. Call it likely where a CPU profile saw an assignment to a map on that line, or the shape is that of a map and not of
//     append: many more blocks of 128 groups than of 64 on a line that has no larger ones; or three rungs above what append
//     doubles. Everything else is possible at best, since append doubles small slices too.
//
// What it finds is of low confidence by its nature, and says so.
package ladder
