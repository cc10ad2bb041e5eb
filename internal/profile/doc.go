// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package profile decodes pprof's protobuf, gzipped or plain, as Go's runtime/pprof writes it and any other program may.
// The format is profile.proto of github.com/google/pprof; what that library's Parse accepts and holds for valid is
// accepted here with the same meaning, and nothing else is. (It also reads the text formats of old. This package does not.)
//
// A profile comes from a foreign process. Every length and every count has a limit, names are made printable UTF-8, and
// a body is either a Profile or a typed error, never both.
//
// The algorithm:
//
//  1. source takes the whole body, up to Limits.WireBytes, and inflates it piece by piece, members one after another. What
//     follows the last member, a wrong CRC and a wrong length are errors.
//  2. scanner walks over the top-level fields while they arrive, and notes where each message lies. So a bomb is refused
//     at the message that crosses a limit, not when it is inflated whole, and before anything is allocated for it.
//  3. The builder makes the string table: each string cleaned, cut at Limits.NameBytes and shared with the profiles
//     before it, so that a worker who reads the same programs over and over holds each name once.
//  4. Functions and mappings get dense indices, then locations, which refer to them, then samples, which refer to those.
//     An id that stands for nothing, or for two things, is a syntax error, except that a location may have no mapping.
//
// A Decoder keeps its memory from profile to profile, so what it gave is valid until its next Decode. Strings stay valid.
package profile
