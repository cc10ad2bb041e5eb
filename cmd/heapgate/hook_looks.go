// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
	"github.com/heapgate/heapgate/internal/record"
)

// course is a schedule of looks that outlives the hook's pod. Each look at the comparison spends part of the error that all of them
// together may make; so a hook that is run again under the same key goes on where the last one stood:
//
//   - the looks that were taken stay taken, and the next one comes when it was planned;
//   - with no look left nothing is compared any more; what needs no comparison is judged once, now;
//   - an hour after its horizon it is forgotten, and a new one begins.
type course struct {
	plan  schedule
	since time.Time
	taken int
	keep  func(record.Looks) // after each planned look
}

// newCourse starts a schedule, or goes on with the one of a record under the same key.
func (h *hook) newCourse(s gateSettings, known *record.Record, k verdictKey, now time.Time, keep func(record.Looks)) course {
	c := course{plan: schedule{patience: s.wait, step: s.step, looks: max(1, s.compare.looks)}, since: now, keep: keep}
	if c.plan.patience <= 0 {
		c.plan.looks = 1
	}
	if known != nil && k.exactly(*known) && known.Looks.Open(now) {
		l := known.Looks
		c.since, c.taken = l.Started, l.Taken
		c.plan.looks, c.plan.patience = l.Of, time.Duration(l.Horizon)*time.Second
	}
	return c
}

// left is how long there is still to wait.
func (c *course) left(now time.Time) time.Duration {
	if c.taken >= c.plan.looks {
		return 0
	}
	return max(0, c.since.Add(c.plan.patience).Sub(now))
}

// at is the moment of a look: which of the planned ones it is, or that nothing is compared in it.
func (c *course) at(given lookMoment) lookMoment {
	m := given
	m.Since = c.since.Round(0).UTC()
	m.Look.Of = c.plan.looks
	m.Look.Number = c.plan.looks
	if c.plan.patience > 0 {
		m.Look.Number = min(int(m.Now.Sub(c.since)*time.Duration(c.plan.looks)/c.plan.patience), c.plan.looks)
	}
	m.Early = m.Look.Number <= c.taken
	if m.Early {
		m.Look.Number = min(c.taken+1, c.plan.looks)
	}
	return m
}

// took remembers a look that compared something.
func (c *course) took(r report) {
	if r.moment.Early || r.evidence == nil || r.evidence.Comparison == nil || r.evidence.Comparison.Baseline.Kind == baselineNone {
		return
	}
	c.taken = r.moment.Look.Number
	if c.keep != nil {
		c.keep(c.looks())
	}
}

// looks is the course for a record; empty if nothing was compared.
func (c *course) looks() record.Looks {
	if c.taken < 1 {
		return record.Looks{}
	}
	return record.Looks{Taken: c.taken, Of: c.plan.looks, Started: c.since.UTC().Truncate(time.Second), Horizon: int64(c.plan.patience / time.Second)}
}

// measure is the gate's measure along a course.
func (c *course) measure(ctx context.Context, s gateSettings, judge *judge, io streams) (report, error) {
	client, err := promapi.New(s.store, s.client)
	if err != nil {
		return report{}, err
	}
	started := time.Now()
	left := c.left(started)
	look := func(ctx context.Context, at lookMoment) report {
		r := lookOnce(ctx, s, client, judge, c.at(at))
		c.took(r)
		return r
	}
	r := await(ctx, schedule{patience: left, step: s.step, looks: max(1, c.plan.looks-c.taken)}, look, newProgress(io.err, left, judge.minWindows()))
	r.started, r.finished = started, time.Now()
	return r, nil
}
