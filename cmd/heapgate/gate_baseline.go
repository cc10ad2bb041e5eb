// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A baseline is looked for so:
//
//  1. The candidate is the targets that the settings name. It must be told from others by its image digest or version.
//  2. concurrent: the targets of another version, or of another workload (--baseline-workload), that were there for at least half of
//     the time that the candidate was. Their points before the candidate's first are left out: the same time is what they are good for.
//  3. previous: the last other version of the workload within --history, moved in time so that its first pod is as old as the
//     candidate's first pod.
//  4. last week: the same workload at the same hours seven days before, if it was another version then.
//
// Why a kind could not be used is kept, and said in the end.

// release tells one version of a workload from another.
type release struct{ version, digest string }

func releaseOf(labels map[string]string) release {
	return release{labels["service_version"], labels["oci_manifest_digest"]}
}

// known releases can be told from others.
func (r release) known() bool { return r.version != "" || r.digest != "" }

// other tells whether r is certainly not the same release: the digest decides where both have one.
func (r release) other(than release) bool {
	switch {
	case r.digest != "" && than.digest != "":
		return r.digest != than.digest
	case r.version != "" && than.version != "":
		return r.version != than.version
	}
	return false
}

func (r release) String() string {
	short := r.digest
	if algorithm, hex, ok := strings.Cut(r.digest, ":"); ok && len(hex) > 12 {
		short = algorithm + ":" + hex[:12]
	}
	return strings.Join(slices.DeleteFunc([]string{r.version, short}, func(s string) bool { return s == "" }), " ")
}

// side is one half of a comparison: some targets, and the time in which they are looked at.
type side struct {
	release release
	asked   workload // selects the targets in the store
	grid    grid
	targets []*target
	from    int           // index of the first point that counts
	shift   time.Duration // of the grid into the past
}

// pairing looks for the two sides.
type pairing struct {
	g         *gatherer
	grid      grid
	warmUp    time.Duration
	candidate side
	everyone  targets // of the candidate's name
	refused   []string
}

// versionless is the workload without what tells its versions apart.
func versionless(w workload) workload {
	w.Version, w.ImageDigest = "", ""
	return w
}

func (p *pairing) refuse(format string, args ...any) {
	p.refused = append(p.refused, fmt.Sprintf(format, args...))
}

// pair finds the candidate and a baseline. The kind is none if there is no baseline; why is in p.refused then.
func (p *pairing) pair(ctx context.Context) (string, side, error) {
	var err error
	if p.everyone, err = p.seen(ctx, versionless(p.g.settings.workload), p.grid); err != nil || !p.identify() {
		return baselineNone, side{}, err
	}
	for _, try := range []struct {
		kind string
		find func(context.Context) (side, error)
	}{{baselineConcurrent, p.concurrent}, {baselinePrevious, p.previous}, {baselineLastWeek, p.lastWeek}} {
		if wanted := p.g.settings.compare.baseline; wanted != baselineAuto && wanted != try.kind {
			continue
		}
		found, err := try.find(ctx)
		if err != nil {
			return baselineNone, side{}, err
		}
		if len(found.targets) > 0 {
			return try.kind, found, nil
		}
	}
	return baselineNone, side{}, nil
}

// seen is the targets of a workload with a point of heapgate_target_up on the grid. It asks a warm-up further back, so that the birth of
// a target is known where it matters.
func (p *pairing) seen(ctx context.Context, w workload, on grid) (targets, error) {
	long := on
	long.n += int(p.warmUp/on.step) + 2
	answers, err := p.g.ask(ctx, query{expr: p.g.overStep(metricUp, w), on: &long})
	if err != nil {
		return nil, err
	}
	all := readTargets(answers[0], long)
	for id, t := range all {
		before := long.n - on.n
		if t.first > 0 {
			t.born = long.at(t.first)
		}
		t.up.points, t.up.present = t.up.points[before:], t.up.present[before:]
		if t.first = max(0, t.first-before); t.up.last() < 0 {
			delete(all, id) // It ended before the window.
		}
	}
	return all, nil
}

// identify fills the candidate, if it can be told from others.
func (p *pairing) identify() bool {
	w := p.g.settings.workload
	releases := map[release]bool{}
	for _, t := range p.everyone.sorted() {
		if w.Version != "" && t.labels["service_version"] != w.Version || w.ImageDigest != "" && t.labels["oci_manifest_digest"] != w.ImageDigest {
			continue
		}
		p.candidate.targets = append(p.candidate.targets, t)
		releases[releaseOf(t.labels)] = true
	}
	p.candidate.asked, p.candidate.grid = w, p.grid
	switch apart := p.g.settings.compare.workload != ""; {
	case len(p.candidate.targets) == 0:
		p.refuse("no target of the candidate was seen")
	case len(releases) > 1 && !apart:
		p.refuse("the candidate's targets are of %d versions (%s); say with --image or --version which one is the candidate", len(releases), listed(releases))
	default:
		for one := range releases {
			if len(releases) == 1 {
				p.candidate.release = one
			}
		}
		if p.candidate.release.known() || apart {
			return true
		}
		p.refuse("the candidate's targets carry neither an image digest nor a version, so that nothing tells them from a baseline")
	}
	return false
}

func listed(releases map[release]bool) string {
	var all []string
	for one := range releases {
		if text := one.String(); text != "" {
			all = append(all, text)
		}
	}
	slices.Sort(all)
	if len(all) > 3 {
		all = append(all[:3], "...")
	}
	return strings.Join(all, ", ")
}

// begin is the index of the candidate's first point.
func (p *pairing) begin() int {
	first := p.grid.n - 1
	for _, t := range p.candidate.targets {
		first = min(first, t.first)
	}
	return first
}

func (p *pairing) concurrent(ctx context.Context) (side, error) {
	all, w := p.everyone, versionless(p.g.settings.workload)
	if name := p.g.settings.compare.workload; name != "" {
		w.Name, w.Kind = name, ""
		var err error
		if all, err = p.seen(ctx, w, p.grid); err != nil {
			return side{}, err
		}
	}
	found := p.best(all, w, p.grid, p.begin())
	if len(found.targets) == 0 {
		what := "no other version of " + w.String()
		if p.g.settings.compare.workload != "" {
			what = "no target of " + w.String()
		}
		p.refuse("concurrent: %s was there for half of the time that the candidate was", what)
	}
	return found, nil
}

// best is the release with most targets that have at least half of the points from an index on.
func (p *pairing) best(all targets, w workload, on grid, from int) side {
	apart := w.Name != p.g.settings.workload.Name
	groups := map[release][]*target{}
	for _, t := range all.sorted() {
		r := releaseOf(t.labels)
		if apart { // The user says that it is the baseline, whatever it runs.
			r = release{}
		} else if !r.other(p.candidate.release) {
			continue
		}
		if covered(t.up, from)*2 >= on.n-from {
			groups[r] = append(groups[r], t)
		}
	}
	releases := slices.SortedFunc(maps.Keys(groups), func(a, b release) int {
		return cmp.Or(len(groups[b])-len(groups[a]), cmp.Compare(a.digest, b.digest), cmp.Compare(a.version, b.version))
	})
	if len(releases) == 0 {
		return side{}
	}
	found := side{release: releases[0], asked: w, grid: on, targets: groups[releases[0]], from: from}
	if !apart {
		found.asked.Version, found.asked.ImageDigest = found.release.version, found.release.digest
	} else {
		found.release = releaseOf(found.targets[0].labels)
	}
	return found
}

// covered counts the points from an index on.
func covered(t track, from int) int {
	n := 0
	for _, ok := range t.present[from:] {
		if ok {
			n++
		}
	}
	return n
}
