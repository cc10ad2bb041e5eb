// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/internal/promapi"
	"github.com/heapgate/heapgate/internal/verdict"
)

const historyLong = `Say of every release of a workload in the past what the gate would have said of it: of its first window, with the policies and limits
of today, against the baseline that there was then. Look at it before a rule is enforced, or after a limit was changed.

A release is an image digest or a version that the store had not seen, or not seen for a while. The one that ran already when the
history begins is not judged. Nothing is stopped: the exit code is 0 whatever the verdicts are.

Exit codes:
   0  the report is complete, even if it is empty
  30  the store is down, slow, refuses, or answers garbage
  40  a mistake in flags, limits or policies`

const historyExample = `  # Which of the last month's releases of shop would the gate have stopped?
  heapgate gate history --store http://127.0.0.1:9464 --workload shop/shop --since 720h

  # The same with a limit of one's own, for programs.
  heapgate gate history --store http://127.0.0.1:9464 --workload shop/shop --limits limits.yaml -o json`

// maxReleases is how many of the newest releases are judged.
const maxReleases = 200

func newHistoryCommand(io streams) *cobra.Command {
	var flags gateFlags
	var since time.Duration
	cmd := &cobra.Command{
		Use:     "history --store URL --workload [CLUSTER/]NAMESPACE/[KIND/]NAME",
		Short:   "What the gate would have said of past releases",
		Long:    historyLong,
		Example: historyExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := flags.settings()
			switch {
			case err != nil:
			case since < time.Hour:
				err = fmt.Errorf("--since must be at least 1h (got %s)", since)
			case settings.wait > 0 || settings.bundle != "":
				err = fmt.Errorf("--wait and --bundle are of the gate; the past is looked at once")
			case settings.workload.Version != "" || settings.workload.ImageDigest != "":
				err = fmt.Errorf("--version and --image are of the gate; the history is of all versions")
			}
			if err != nil {
				return &exitError{exitConfig, err}
			}
			return runHistory(cmd.Context(), settings, since, io)
		},
	}
	flags.register(cmd)
	cmd.Flags().DurationVar(&since, "since", 30*24*time.Hour, "how far back the releases go")
	return cmd
}

func runHistory(ctx context.Context, s gateSettings, since time.Duration, io streams) error {
	judge, err := s.policies.judge(ctx, nil, s.limits)
	if err != nil {
		return &exitError{exitConfig, err}
	}
	client, err := promapi.New(s.store, s.client)
	if err != nil {
		return &exitError{exitConfig, err}
	}
	told, err := historyOf(ctx, s, client, judge, time.Now().UTC(), since)
	if err != nil {
		return &exitError{exitEvidence, err}
	}
	text, err := told.write(s.output)
	if err == nil {
		_, err = io.out.Write(text)
	}
	if err != nil {
		return &exitError{exitEvidence, err}
	}
	return nil
}

// deployment is one release that began in the past.
type deployment struct {
	release release
	begun   time.Time
}

// historyOf judges every deployment of the last while at the end of its first window.
func historyOf(ctx context.Context, s gateSettings, from store, judge *judge, now time.Time, since time.Duration) (history, error) {
	told := history{Workload: s.workload.String(), Since: stamp(now.Add(-since)), Until: stamp(now), Policy: judge.pack.Digest(), Releases: []pastRelease{}, Counts: counts{}}
	all, err := deployments(ctx, s, from, now, since)
	if err != nil {
		return told, err
	}
	if over := len(all) - maxReleases; over > 0 {
		told.Left, all = over, all[over:]
	}
	for _, one := range all {
		own := s
		own.workload.Version, own.workload.ImageDigest = one.release.version, one.release.digest
		at := one.begun.Add(s.window)
		if at.After(now) {
			at = now
		}
		r := lookOnce(ctx, own, from, judge, single(at))
		if ctx.Err() != nil {
			return told, context.Cause(ctx)
		}
		told.add(one, at, r)
	}
	return told, nil
}

// deployments finds when each release began, the oldest first.
func deployments(ctx context.Context, s gateSettings, from store, now time.Time, since time.Duration) ([]deployment, error) {
	s.compare.history = since
	g := newGatherer(from, s, single(now))
	p := &pairing{g: g, grid: g.grid}
	on := p.coarse()
	near := p.recent(on)
	answers, err := g.ask(ctx, query{expr: g.count(s.workload, on.step), on: &on}, query{expr: g.count(s.workload, near.step*3/2), on: &near})
	if err != nil {
		return nil, err
	}
	var all []deployment
	add := func(r release, around time.Time) error {
		w := s.workload
		w.Version, w.ImageDigest = r.version, r.digest
		begun, err := p.firstPoint(ctx, w, around)
		if err == nil && !begun.IsZero() {
			all = append(all, deployment{r, begun})
		}
		return err
	}
	seen := map[release]bool{}
	for _, series := range sortedSeries(answers[0].Series) {
		r, t := releaseOf(series.Labels), newTrack(series, on)
		if seen[r] = true; !r.known() {
			continue
		}
		for _, i := range begins(t) {
			if err := add(r, on.at(i)); err != nil {
				return nil, err
			}
		}
	}
	for _, series := range sortedSeries(answers[1].Series) { // behind the last coarse point
		if r := releaseOf(series.Labels); r.known() && !seen[r] {
			if err := add(r, p.grid.end); err != nil {
				return nil, err
			}
		}
	}
	slices.SortStableFunc(all, func(a, b deployment) int { return cmp.Compare(a.begun.UnixNano(), b.begun.UnixNano()) })
	return all, nil
}

// begins are the indices where points begin after more than two without; the first of all is where the history begins, not a release.
func begins(t track) (all []int) {
	absent := 0
	for i, ok := range t.present {
		switch {
		case !ok:
			absent++
		case absent > 2, absent == i && i > 0:
			all = append(all, i)
			fallthrough
		default:
			absent = 0
		}
	}
	return all
}

func (h *history) add(one deployment, at time.Time, r report) {
	past := pastRelease{
		Version: one.release.version, ImageDigest: one.release.digest, Begun: stamp(one.begun), Judged: stamp(at),
		Verdict: r.verdict.Outcome, Summary: r.verdict.Summary, Rules: []string{}, Baseline: baselineNone,
	}
	for _, reason := range r.verdict.Reasons {
		if reason.Kind == verdict.KindDeny || reason.Kind == verdict.KindInconclusive && r.verdict.Outcome == verdict.Inconclusive {
			past.Rules = append(past.Rules, reason.Rules...)
		}
	}
	slices.Sort(past.Rules)
	past.Rules = slices.Compact(past.Rules)
	if r.evidence != nil && r.evidence.Comparison != nil {
		b := r.evidence.Comparison.Baseline
		if past.Baseline = b.Kind; b.Kind != baselineNone {
			past.Against = release{b.Version, b.ImageDigest}.String()
		}
	}
	h.Releases = append(h.Releases, past)
	h.Counts[string(r.verdict.Outcome)]++
}
