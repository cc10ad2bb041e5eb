// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/heapgate/heapgate/internal/record"
)

// newCourse starts a schedule, or goes on with the one of a record under the same key: it outlives the hook's pod.
//
//   - The looks that were taken stay taken, and the next one comes when it was planned.
//   - With no look left nothing is compared any more; what needs no comparison is judged once, now.
//   - An hour after its horizon it is forgotten, and a new one begins.
func (h *hook) newCourse(s gateSettings, known *record.Record, k verdictKey, now time.Time) *course {
	c := s.schedule().begin(now)
	if known != nil && k.exactly(*known) && known.Looks.Open(now) {
		l := known.Looks
		c.since, c.taken = l.Started, l.Taken
		c.looks, c.patience = l.Of, time.Duration(l.Horizon)*time.Second
	}
	return c
}

// record is the course for a record; empty if nothing was compared.
func (c *course) record() record.Looks {
	if c.taken < 1 {
		return record.Looks{}
	}
	return record.Looks{Taken: c.taken, Of: c.looks, Started: c.since.UTC().Truncate(time.Second), Horizon: int64(c.patience / time.Second)}
}
