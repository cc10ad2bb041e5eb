// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"time"
)

// Looks is how far a schedule of looks has come. Whoever measures the same again goes on with it: each look spends part of the error that
// the schedule as a whole may make.
type Looks struct {
	Taken   int       `json:"taken"`
	Of      int       `json:"of"`
	Started time.Time `json:"started"`
	Horizon int64     `json:"horizon_seconds"` // from the start to the last look
}

// maxLooks is what package compare plans at most.
const maxLooks = 6

// forgotten is how long after its horizon a schedule is still the same: evidence of long ago is no look at the same release.
const forgotten = time.Hour

// Ends is when a schedule is over, and the next look begins a new one: an hour after its horizon.
func (l Looks) Ends() time.Time {
	return l.Started.Add(time.Duration(l.Horizon) * time.Second).Add(forgotten)
}

// Open tells whether there is a schedule that goes on at a time.
func (l Looks) Open(now time.Time) bool {
	return l != Looks{} && !now.Before(l.Started) && now.Before(l.Ends())
}

func (l Looks) check() error {
	if l == (Looks{}) {
		return nil
	}
	if l.Of < 1 || l.Of > maxLooks || l.Taken < 1 || l.Taken > l.Of {
		return fmt.Errorf("looks must be 1 to %d of at most %d (got %d of %d)", maxLooks, maxLooks, l.Taken, l.Of)
	}
	if l.Horizon < 0 || l.Horizon > maxHorizon {
		return fmt.Errorf("looks.horizon_seconds must be 0 to %d (got %d)", maxHorizon, l.Horizon)
	}
	if year := l.Started.Year(); year < 2000 || year > 9999 {
		return fmt.Errorf("looks.started must be the time of the first look (got %s)", l.Started)
	}
	return nil
}

// maxHorizon is a week.
const maxHorizon = 7 * 24 * 3600
