// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package inflate decompresses a gzip body that is in memory, faster than compress/gzip and klauspost/compress by what
// their interfaces cost them: they read byte after byte from an io.Reader, and fill tables for any block size.
// docs/adr/0011-inflate.md has the measurement. The formats are RFC 1951 and RFC 1952.
//
// What comes out is never held whole. The algorithm:
//
//  1. Reader walks over the members. Each has a head, blocks, and a checksum, which is checked.
//  2. A block's head gives two codes; fill makes a table of each, indexed by the next bits of the stream. Codes longer than
//     the index go on in subtables. Where the index has room for two literals, pair makes one entry of both.
//  3. codes decodes while there are 24 bytes of input and room for the longest match, with 64 bits in a register and no
//     other checks; lastCodes does the same bit by bit at the end of the input.
//  4. Next gives out what is in the window, which slides when it is full: 32 KiB stay behind for matches, and whatever
//     the caller has not used yet.
//
// It uses no unsafe and no assembly.
package inflate
