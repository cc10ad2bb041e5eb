// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/heapgate/heapgate/internal/verdict"
)

// schedule is how long and how often to look: every step, and of these looks so many compare, spread evenly over the patience.
type schedule struct {
	patience, step time.Duration
	looks          int
}

// course is a schedule under way. A planned look is run at the first step at or after its time, the last one at the end of the patience.
// Between two of them nothing is compared: each comparison spends part of the error that all of them together may make. One that found
// nothing to compare spends nothing, and is not taken.
type course struct {
	schedule
	since time.Time
	taken int
	known *suspect      // what the last look found suspect, for the next one
	keep  func(*course) // after each planned look; may be nil
}

func (s schedule) begin(now time.Time) *course {
	if s.looks = max(1, s.looks); s.patience <= 0 {
		s.looks = 1
	}
	return &course{schedule: s, since: now}
}

// left is how long there is still to wait: with no look left, nothing.
func (c *course) left(now time.Time) time.Duration {
	if c.taken >= c.looks {
		return 0
	}
	return max(0, c.since.Add(c.patience).Sub(now))
}

// moment of a look: which of the planned ones it is, or that nothing is compared in it.
func (c *course) moment(now time.Time) lookMoment {
	m := single(now)
	m.Since, m.Suspect = c.since.Round(0).UTC(), c.known
	m.Look.Number, m.Look.Of = c.looks, c.looks // without patience it is the last
	if c.patience > 0 {
		m.Look.Number = min(int(now.Sub(c.since)*time.Duration(c.looks)/c.patience), c.looks)
	}
	if m.Early = m.Look.Number <= c.taken; m.Early {
		m.Look.Number = min(c.taken+1, c.looks)
	}
	return m
}

// next is the time of the next planned look.
func (c *course) next() time.Time {
	return c.since.Add(c.patience * time.Duration(c.taken+1) / time.Duration(c.looks))
}

// took remembers a look.
func (c *course) took(r report) {
	c.known = r.suspect
	if r.moment.Early || r.evidence == nil || r.evidence.Comparison == nil || r.evidence.Comparison.Baseline.Kind == baselineNone {
		return
	}
	if c.taken = r.moment.Look.Number; c.keep != nil {
		c.keep(c)
	}
}

// await looks, and looks again every step, until there is a verdict that more evidence would not change or the patience is over:
//
//   - fail ends it at once, and so does pass, unless the comparison with the baseline has planned looks left and is not decided;
//   - inconclusive and a failing store are tried again: evidence grows and stores come back;
//   - a policy that fails ends it: it would fail again;
//   - what a look found suspect is told to the next one (lookMoment.doubt).
func await(ctx context.Context, c *course, look func(context.Context, lookMoment) report, tell *progress) report {
	tell.started = time.Now()
	tell.patience = c.left(tell.started).Round(time.Second)
	deadline := tell.started.Add(c.left(tell.started))
	for {
		r := look(ctx, c.moment(time.Now()))
		c.took(r)
		left := time.Until(deadline)
		if ctx.Err() != nil {
			r.verdict = verdict.Failed(verdict.CodeEvidenceError, interrupted)
		}
		if ctx.Err() != nil || left <= 0 || ended(r) {
			return r
		}
		tell.waiting(r, c.next())
		timer := time.NewTimer(min(c.step, left))
		select {
		case <-ctx.Done():
			timer.Stop()
			r.verdict = verdict.Failed(verdict.CodeEvidenceError, interrupted)
			return r
		case <-timer.C:
		}
	}
}

// ended tells whether another look could not change the verdict.
func ended(r report) bool {
	switch r.exitCode() {
	case exitInconclusive, exitEvidence:
		return false
	case exitPass:
		return !r.pending()
	}
	return true
}

// progress says on stderr what is waited for: whenever that changes, and every ten seconds.
type progress struct {
	to         io.Writer
	minWindows *float64

	patience      time.Duration // from started on, to the second
	started, told time.Time
	last          string
}

const tellEvery = 10 * time.Second

func newProgress(to io.Writer, minWindows *float64) *progress {
	return &progress{to: to, minWindows: minWindows}
}

// waiting tells the state after a look. next is when the candidate is compared again.
func (p *progress) waiting(r report, next time.Time) {
	now, state := time.Now(), p.state(r)
	if r.pending() {
		state += fmt.Sprintf("; look %d of %d %s, next look in %s", r.moment.done(), r.moment.Look.Of, r.standing(), shortly(next.Sub(now).Round(time.Second)))
	}
	if state == p.last && now.Sub(p.told) < tellEvery {
		return
	}
	p.last, p.told = state, now
	_, _ = fmt.Fprintf(p.to, "waiting for evidence: %s (%s of %s)\n", state, now.Sub(p.started).Round(time.Second), shortly(p.patience))
}

func (p *progress) state(r report) string {
	if r.evidence == nil {
		return printable(r.verdict.Summary)
	}
	if r.evidence.Targets.Seen == 0 {
		return printable(r.verdict.Reasons[0].Text)
	}
	windows := "no windows yet"
	if has := r.evidence.Signals[signalWindows].Value; has != nil {
		windows = fmt.Sprintf("windows %.0f", *has)
		if p.minWindows != nil {
			windows += fmt.Sprintf(" of %.0f", *p.minWindows)
		}
	}
	state := fmt.Sprintf("%d of %d targets up, %s, coverage %.1f", r.evidence.Targets.Up, r.evidence.Targets.Seen, windows, r.evidence.coverage())
	if len(r.verdict.Reasons) > 0 {
		state += "; " + printable(r.verdict.Reasons[0].Text)
	}
	return state
}

// coverage of the least covered signal, rounded down to a tenth. What not every process has is left out.
func (e *evidence) coverage() float64 {
	least := 1.0
	for _, spec := range signalSpecs {
		if s, ok := e.Signals[spec.name]; ok && !spec.optional {
			least = min(least, s.Coverage)
		}
	}
	return math.Floor(least*10) / 10
}
