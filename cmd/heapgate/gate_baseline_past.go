// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
)

const week = 7 * 24 * time.Hour

// coarseSteps is how finely the history is seen before it is looked at closely.
const coarseSteps = 500

// previous is the last other version, at the age that the candidate has.
func (p *pairing) previous(ctx context.Context) (side, error) {
	born, err := p.birth(ctx)
	if err != nil {
		return side{}, err
	}
	history := p.g.settings.compare.history
	if born.IsZero() {
		p.refuse("previous: the candidate is older than the history of %s", shortly(history))
		return side{}, nil
	}
	before, from, why, err := p.before(ctx, born)
	if err != nil {
		return side{}, err
	}
	if why != "" {
		p.refuse("previous: %s", why)
		return side{}, nil
	}
	w := versionless(p.g.settings.workload)
	w.Version, w.ImageDigest = before.version, before.digest
	firstBorn, err := p.firstPoint(ctx, w, from)
	if err != nil {
		return side{}, err
	}
	if firstBorn.IsZero() {
		p.refuse("previous: the first pod of %s cannot be found", before)
		return side{}, nil
	}
	return p.moved(ctx, "previous", w, born.Sub(firstBorn))
}

// lastWeek is what ran at the same hours seven days before.
func (p *pairing) lastWeek(ctx context.Context) (side, error) {
	return p.moved(ctx, "last week", versionless(p.g.settings.workload), week)
}

// moved takes the grid into the past and sees who was there then.
func (p *pairing) moved(ctx context.Context, kind string, w workload, by time.Duration) (side, error) {
	by = by.Round(p.grid.step)
	on := p.grid
	on.end = on.end.Add(-by)
	all, err := p.seen(ctx, w, on)
	if err != nil {
		return side{}, err
	}
	found := p.best(all, w, on, p.begin())
	if found.shift = by; len(found.targets) == 0 {
		text := "nobody of " + w.String() + " was there"
		if len(all) > 0 {
			text = "no other version of " + w.String() + " was there"
		}
		p.refuse("%s: %s for half of the time from %s to %s", kind, text, on.at(p.begin()).UTC().Format(time.RFC3339), on.end.UTC().Format(time.RFC3339))
	}
	return found, nil
}

// birth is that of the candidate's oldest target; zero if it is older than the history.
func (p *pairing) birth(ctx context.Context) (time.Time, error) {
	oldest := p.candidate.targets[0].born
	for _, t := range p.candidate.targets {
		if t.born.IsZero() {
			return p.firstSeen(ctx, p.candidate.asked)
		}
		if t.born.Before(oldest) {
			oldest = t.born
		}
	}
	return oldest, nil
}

// coarse is the grid of the history up to the start of the window.
func (p *pairing) coarse() grid {
	history := p.g.settings.compare.history
	step := max((history / coarseSteps).Truncate(time.Minute), p.grid.step, time.Minute)
	return newGrid(p.grid.end, history, step)
}

// recent is the fine grid of the time since the last coarse points.
func (p *pairing) recent(coarse grid) grid {
	return newGrid(p.grid.end, p.grid.end.Sub(coarse.at(coarse.n-2)), p.grid.step)
}

// firstSeen is when a workload was first seen; zero if it was there before the history.
func (p *pairing) firstSeen(ctx context.Context, w workload) (time.Time, error) {
	on := p.coarse()
	answers, err := p.g.ask(ctx, query{expr: p.g.count(w, on.step), on: &on})
	if err != nil {
		return time.Time{}, err
	}
	first := on.n
	for _, s := range answers[0].Series {
		if i := newTrack(s, on).first(); i >= 0 {
			first = min(first, i)
		}
	}
	switch first {
	case 0:
		return time.Time{}, nil
	case on.n: // it began behind the last coarse point
		return p.firstPoint(ctx, w, p.grid.end)
	}
	return p.firstPoint(ctx, w, on.at(first))
}

// firstPoint looks closely at the time around a coarse first point.
func (p *pairing) firstPoint(ctx context.Context, w workload, around time.Time) (time.Time, error) {
	coarse := p.coarse().step
	on := newGrid(around.Add(p.grid.step), 2*coarse, p.grid.step)
	answers, err := p.g.ask(ctx, query{expr: p.g.count(w, on.step*3/2), on: &on})
	if err != nil {
		return time.Time{}, err
	}
	first := time.Time{}
	for _, s := range answers[0].Series {
		if i := newTrack(s, on).first(); i >= 0 && (first.IsZero() || on.at(i).Before(first)) {
			first = on.at(i)
		}
	}
	return first, nil
}

// before finds the release that ran last before the candidate, and about when it began; or says why not. The history is seen coarsely, and
// closely at its end: releases may follow each other within one coarse step.
func (p *pairing) before(ctx context.Context, born time.Time) (release, time.Time, string, error) {
	on := p.coarse()
	near := p.recent(on)
	w := versionless(p.g.settings.workload)
	answers, err := p.g.ask(ctx, query{expr: p.g.count(w, on.step), on: &on}, query{expr: p.g.count(w, near.step*3/2), on: &near})
	if err != nil {
		return release{}, time.Time{}, "", err
	}
	history := p.others(answers[0].Series, on, born.Add(on.step)) // a release may have begun as much before its first point
	found, ok := latestOf(p.others(answers[1].Series, near, born))
	if !ok {
		last, any := latestOf(history)
		if !any {
			return release{}, time.Time{}, fmt.Sprintf("no other version of %s was seen in %s", w, shortly(p.g.settings.compare.history)), nil
		}
		around := newGrid(last.on.at(last.end), 2*on.step, p.grid.step)
		closely, err := p.g.ask(ctx, query{expr: p.g.count(w, around.step*3/2), on: &around})
		if err != nil {
			return release{}, time.Time{}, "", err
		}
		if found, ok = latestOf(p.others(closely[0].Series, around, born)); !ok { // those of then have begun before, or after
			found, ok = latestOf(p.others(answers[0].Series, on, born))
		}
		if !ok {
			return release{}, time.Time{}, fmt.Sprintf("of %s, which was seen about then, it is not known whether it began before", last.release), nil
		}
	}
	begun := found.on.at(stretch(found.track, found.end))
	for _, past := range history {
		if past.release != found.release {
			continue
		}
		first := stretch(past.track, past.end)
		if first == 0 {
			return found.release, time.Time{}, fmt.Sprintf("%s began before the history of %s, so that the age of its pods is not known", found.release, shortly(p.g.settings.compare.history)), nil
		}
		if at := on.at(first); at.Before(begun) {
			begun = at
		}
	}
	return found.release, begun, "", nil
}

// seenRelease is when a release was there.
type seenRelease struct {
	release release
	on      grid
	track   track
	end     int // index of its last point
}

// others are the releases that began before the candidate was born, in the order of their labels.
func (p *pairing) others(series []promapi.Series, on grid, born time.Time) (all []seenRelease) {
	for _, s := range sortedSeries(series) {
		r, t := releaseOf(s.Labels), newTrack(s, on)
		if r.known() && r.other(p.candidate.release) && t.first() >= 0 && on.at(t.first()).Before(born) {
			all = append(all, seenRelease{r, on, t, t.last()})
		}
	}
	return all
}

// latestOf is the release that was there last; of several the one that began last.
func latestOf(all []seenRelease) (last seenRelease, ok bool) {
	for _, one := range all {
		if !ok || one.end > last.end || one.end == last.end && one.track.first() > last.track.first() {
			last, ok = one, true
		}
	}
	return last, ok
}

// stretch is the first index of the run of points that ends at an index; single absent points do not end it.
func stretch(t track, end int) int {
	first := end
	for i := end; i >= 0 && first-i <= 2; i-- {
		if t.present[i] {
			first = i
		}
	}
	return first
}

func sortedSeries(series []promapi.Series) []promapi.Series {
	sorted := slices.Clone(series)
	slices.SortFunc(sorted, func(a, b promapi.Series) int { return strings.Compare(identity(a.Labels), identity(b.Labels)) })
	return sorted
}

// count asks for the number of targets of each release: a history of pods has too many series.
func (g *gatherer) count(w workload, reach time.Duration) string {
	return fmt.Sprintf("count by (service_version, oci_manifest_digest) (last_over_time(%s[%s]))", g.selector(metricUp, w), promDuration(reach))
}

// overStep asks for the points that were written, and fills no gaps.
func (g *gatherer) overStep(metric string, w workload) string {
	return fmt.Sprintf("last_over_time(%s[%s])", g.selector(metric, w), promDuration(g.settings.step*3/2))
}
