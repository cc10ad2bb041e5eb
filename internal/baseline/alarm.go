// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import "time"

// Limits of an alarm.
type Limits struct {
	Threshold  float64 // in scales
	RaiseAfter time.Duration
	ClearAfter time.Duration
}

const (
	// calm is the share of the threshold below which it is quiet again.
	calm = 0.75
	// gap is a silence after which a while begins afresh: two points an hour apart are not an hour.
	gap = 15 * time.Minute
)

// Alarm says that a deviation is unusual only after a while, and that it no longer is only after a while, so that it does not
// flap. The zero Alarm is quiet.
type Alarm struct {
	raised bool
	since  int64 // unix nanoseconds since when the deviation has spoken against the state; 0: it does not
	heard  int64 // of the last deviation
}

// Judge takes a deviation and gives the state after it. Only what is above the band is unusual: all kinds cost.
func (a *Alarm) Judge(now time.Time, deviation float64, l Limits) bool {
	at := now.UnixNano()
	against, after := deviation > l.Threshold, l.RaiseAfter
	if a.raised {
		against, after = deviation < calm*l.Threshold, l.ClearAfter
	}
	if at < a.heard || at-a.heard > int64(gap) {
		a.since = 0
	}
	a.heard = at
	switch {
	case !against:
		a.since = 0
	case a.since == 0:
		a.since = at
	}
	if against && at-a.since >= int64(after) {
		a.raised, a.since = !a.raised, 0
	}
	return a.raised
}
