// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package otlpprofile makes an OTLP profiles message of a decoded pprof profile: one message per target and profile, with
// one OTLP Profile per sample type, which share the message's dictionary.
//
// The algorithm of Convert:
//
//  1. check refuses a profile whose indices point nowhere or that crosses a limit, before anything is remembered of it.
//  2. Every sample type gets its Temporality. A Delta subtracts what the target's profile before said, where the type is a
//     count since the process began; see there for resets.
//  3. Samples are told apart by stack and labels. What has no value left is dropped before the dictionary is filled, so
//     nothing in it is orphaned. Samples with the same stack and labels become one, as OTLP asks for.
//  4. The dictionary is interned with hash tables of its own: pprofile's Set... helpers scan the table at each call, and
//     MergeTo leaves out the zero elements. Element 0 of each table is the zero value.
//  5. emit writes it all to pdata.
//
// Where pprof's fields go is in the semantic conventions' pprof.* attributes and in profiles.proto of OTLP 1.10. What they
// have no word for is said with heapgate.profile.temporality and heapgate.profile.kind, attributes of each OTLP Profile.
package otlpprofile
