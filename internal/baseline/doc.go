// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package baseline learns what is usual for a workload at an hour of the week, and tells how far from it a number is.
// It knows no clock: hours are whole hours since 1970 in UTC, so that neither time zones nor summer time move an hour twice.
//
//  1. Learn: the points of all targets of a workload in one hour, thinned to 64 at random, become one median and one spread
//     (the wider of 1.4826 MAD and the 95th percentile's distance / 1.645: a tenth of the targets may differ for good).
//  2. Keep: the medians of up to 8 weeks for each of the 168 hours of the week in two bytes each, and one spread per hour that
//     follows by a quarter a week.
//  3. Level: for each of the weeks before, the median by which the last 120 hours are above the same hours of that week. It moves
//     once more than half of these hours have a new level: one bad day or a bad weekend does not move it, a release does
//     after two and a half days.
//  4. Season: what is expected of an hour is the median over the weeks of the same hour of the week, each moved to the level.
//  5. Usual: the band that the seasons of this hour and its two neighbours span, as they were and moved to the level. Its scale has
//     two parts: by how much the last 120 hours missed their seasons (1.4826 MAD, of all of them or of the same time of day,
//     whichever is more), and the spread within the hour; never less than 5 % of what is expected nor than the floor of the kind.
//  6. Deviation: how many scales a number is outside of the band; 0 inside.
//
// With fewer weeks than wanted the hour of the day stands in for the hour of the week, then all hours; see Basis.
package baseline
