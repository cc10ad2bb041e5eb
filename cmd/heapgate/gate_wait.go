// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/heapgate/heapgate/internal/verdict"
)

// await looks, and looks again every step, until there is a verdict that more evidence would not change or the patience is over:
//
//   - pass and fail end it at once;
//   - inconclusive and a failing store are tried again: evidence grows and stores come back;
//   - a policy that fails ends it: it would fail again;
//   - a pass does not count while a site was suspect within the last window: a map that leaks grows in bursts, and one look between
//     two of them sees nothing.
func await(ctx context.Context, patience, step time.Duration, look func(context.Context) report, tell *progress) report {
	deadline := time.Now().Add(patience)
	tell.started = time.Now()
	var suspect *verdict.Reason
	var seen time.Time
	for {
		r := look(ctx)
		if one := suspicion(r); one != nil {
			suspect, seen = one, time.Now()
		}
		if suspect != nil && r.verdict.Outcome == verdict.Pass && time.Since(seen) < r.settings.window {
			r.verdict = stillSuspect(*suspect, time.Since(seen), r.settings.window)
		}
		left := time.Until(deadline)
		if ctx.Err() != nil {
			r.verdict = verdict.Failed(verdict.CodeEvidenceError, interrupted)
		}
		if code := r.exitCode(); code != exitInconclusive && code != exitEvidence || ctx.Err() != nil || left <= 0 {
			return r
		}
		tell.waiting(r)
		timer := time.NewTimer(min(step, left))
		select {
		case <-ctx.Done():
			timer.Stop()
			r.verdict = verdict.Failed(verdict.CodeEvidenceError, interrupted)
			return r
		case <-timer.C:
		}
	}
}

// suspicion is the reason that says of a site that it grows fast and keeps what it got, but was not watched for long enough.
func suspicion(r report) *verdict.Reason {
	for _, one := range r.verdict.Reasons {
		if one.Kind == verdict.KindInconclusive && slices.Contains(one.Rules, ruleMapGrowth) && one.Target != "" {
			return &one
		}
	}
	return nil
}

const ruleMapGrowth = "MAP-001"

func stillSuspect(suspect verdict.Reason, since, window time.Duration) verdict.Verdict {
	suspect.Text = fmt.Sprintf("%s; that was %s ago, and only a whole window of %s without it is a pass", suspect.Text, since.Round(time.Second), shortly(window))
	return verdict.Verdict{Outcome: verdict.Inconclusive, Summary: "inconclusive: " + suspect.Text, Reasons: []verdict.Reason{suspect}}
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

func (p *progress) waiting(r report) {
	now, state := time.Now(), p.state(r)
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

// coverage of the least covered signal, rounded down to a tenth. The memory limit is left out: not every process has one.
func (e *evidence) coverage() float64 {
	least := 1.0
	for name, s := range e.Signals {
		if name != signalMemoryLimit {
			least = min(least, s.Coverage)
		}
	}
	return math.Floor(least*10) / 10
}
