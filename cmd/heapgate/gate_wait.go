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
	"github.com/heapgate/heapgate/internal/verdict/compare"
)

// schedule is how long and how often to look: every step, and of these looks so many compare, spread evenly over the patience.
type schedule struct {
	patience, step time.Duration
	looks          int
}

// moment of a look. A planned look is run at the first step at or after its time; the last one at the end of the patience.
func (s schedule) moment(since, now time.Time) lookMoment {
	m := single(now)
	if m.Since = since.Round(0).UTC(); s.patience <= 0 {
		return m
	}
	due := int(now.Sub(since) * time.Duration(s.looks) / s.patience)
	m.Look = compare.Look{Number: min(due, s.looks), Of: max(1, s.looks)}
	return m
}

// next is the time of the planned look after this one.
func (s schedule) next(since time.Time, number int) time.Time {
	return since.Add(s.patience * time.Duration(number+1) / time.Duration(max(1, s.looks)))
}

// await looks, and looks again every step, until there is a verdict that more evidence would not change or the patience is over:
//
//   - fail ends it at once, and so does pass, unless the comparison with the baseline has planned looks left and is not decided;
//   - inconclusive and a failing store are tried again: evidence grows and stores come back;
//   - a policy that fails ends it: it would fail again;
//   - what a look found suspect is told to the next one (lookMoment.doubt).
//
// Between two planned looks nothing is compared: each comparison costs certainty.
func await(ctx context.Context, plan schedule, look func(context.Context, lookMoment) report, tell *progress) report {
	tell.started = time.Now()
	since, compared := tell.started, 0
	deadline := since.Add(plan.patience)
	var known *suspect
	for {
		at := plan.moment(since, time.Now())
		if at.Look.Number <= compared {
			at.Early, at.Look.Number = true, compared+1
		}
		at.Suspect = known
		r := look(ctx, at)
		known = r.suspect
		if !at.Early {
			compared = at.Look.Number
		}
		left := time.Until(deadline)
		if ctx.Err() != nil {
			r.verdict = verdict.Failed(verdict.CodeEvidenceError, interrupted)
		}
		if ctx.Err() != nil || left <= 0 || ended(r) {
			return r
		}
		tell.waiting(r, plan.next(since, compared))
		timer := time.NewTimer(min(plan.step, left))
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
	patience   time.Duration
	minWindows *float64

	started, told time.Time
	last          string
}

const tellEvery = 10 * time.Second

func newProgress(to io.Writer, patience time.Duration, minWindows *float64) *progress {
	return &progress{to: to, patience: patience, minWindows: minWindows}
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
