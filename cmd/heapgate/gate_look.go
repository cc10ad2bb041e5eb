// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
	"github.com/heapgate/heapgate/internal/verdict"
)

// measure looks until there is a verdict or the patience is over.
func measure(ctx context.Context, s gateSettings, judge *judge, io streams) (report, error) {
	return s.schedule().begin(time.Now()).measure(ctx, s, judge, io)
}

func (s gateSettings) schedule() schedule {
	return schedule{patience: s.wait, step: s.step, looks: s.compare.looks}
}

// measure follows the course to its end.
func (c *course) measure(ctx context.Context, s gateSettings, judge *judge, io streams) (report, error) {
	client, err := promapi.New(s.store, s.client)
	if err != nil {
		return report{}, err
	}
	look := func(ctx context.Context, at lookMoment) report { return lookOnce(ctx, s, client, judge, at) }
	started := time.Now()
	r := await(ctx, c, look, newProgress(io.err, judge.minWindows()))
	r.started, r.finished = started, time.Now()
	return r, nil
}

// lookOnce gathers the evidence of the window that ends at the moment, and judges it. There is no clock in it: the same settings,
// policies, answers and moment give the same evidence, findings and verdict.
func lookOnce(ctx context.Context, s gateSettings, from store, judge *judge, at lookMoment) report {
	bounded, cancel := context.WithTimeout(ctx, s.client.Timeout)
	defer cancel()
	g := newGatherer(from, s, at)
	g.judge = judge
	facts, err := g.gather(bounded)
	r := report{settings: s, judge: judge, address: from.Address(), moment: at, answers: g.answers, warnings: g.warnings()}
	r.suspect = at.Suspect
	if err != nil {
		r.verdict = verdict.Failed(verdict.CodeEvidenceError, evidenceError(ctx, err))
		return r
	}
	r.evidence, r.results, r.course, r.limits = &facts, g.results, g.course, g.limits
	decided, findings, err := judge.judge(ctx, s.workload.String(), facts, at.Now)
	switch {
	case err != nil && ctx.Err() != nil:
		r.verdict = verdict.Failed(verdict.CodeEvidenceError, interrupted)
	case err != nil:
		r.verdict = verdict.Failed(verdict.CodeConfigError, err.Error())
	default:
		r.findings = findings
		r.verdict, r.suspect = at.doubt(decided, s.window)
	}
	return r
}

const interrupted = "interrupted before there was a verdict; nothing was decided"

func evidenceError(ctx context.Context, err error) string {
	if errors.Is(ctx.Err(), context.Canceled) {
		return interrupted
	}
	var store *promapi.Error
	if errors.As(err, &store) && store.Kind == promapi.KindTooLarge {
		return err.Error() + "; narrow --workload, widen --step or raise --max-series"
	}
	return err.Error()
}
