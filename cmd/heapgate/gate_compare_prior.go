// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
	"github.com/heapgate/heapgate/internal/verdict/compare"
)

// How far pods of one version differ is learned from the workload's own past, for each signal:
//
//  1. Past releases are those that began within --history, without the candidate and without the baseline: the pods of these two are
//     weighed by the comparison itself, and nothing may count twice. The newest six with two pods or more are taken.
//  2. Each is seen at the age that the candidate has, to within the step at which the history is seen, at no more than 60 times.
//  3. Their pods' levels are found as those of the comparison are: same source, same load, same warm-up. compare.LearnPrior makes the
//     prior of them. It is used if it rests on 4 degrees of freedom or more, and bounded.
//
// That takes four questions at most. Whatever goes wrong with them, the default is used and the course of the look says so, in words that
// a replay finds again: it knows that there was no answer, and not why.
const (
	priorLearned = "learned"
	priorDefault = "default"

	maxPastReleases = 6
	maxPastPods     = 50 // of one release
	maxPastPoints   = 60 // of one pod; a level needs no more, and all of them are kept in the bundle
	minLearned      = 4  // degrees of freedom: pods less one, over all releases
	lowestPrior     = 0.01
	highestPrior    = 0.15
	labelSignal     = "heapgate_signal" // tells the signals of one answer apart
)

// pastSignals are asked with one question each.
var pastSignals = [][]string{{signalHeapLive, signalMemoryShare}, {signalAllocation, byCounter}, {signalCPUPerByte}}

// ancestor is a past release: from when on, how many pods at most, and by how much it is moved to be as old as the candidate is.
type ancestor struct {
	release release
	begun   time.Time
	pods    int
	by      time.Duration
}

// ancestry is what past releases showed, or why nothing of them is used.
type ancestry struct {
	sides []*side
	why   string
	off   bool
}

// learn asks for the past releases, unless that is not wanted.
func (p *pairing) learn(ctx context.Context, base release, load string, m *loadModel) ancestry {
	var a ancestry
	switch p.g.settings.compare.prior {
	case priorLearned:
		a = p.past(ctx, base, load)
	case priorDefault:
		a.why = "--prior says so"
	default:
		a.off = true
		return a
	}
	if a.why != "" {
		m.course = append(m.course, fmt.Sprintf("prior: %s, the default: %s", priorText(compare.Default().Prior), a.why))
	}
	return a
}

// past asks for the past releases.
func (p *pairing) past(ctx context.Context, base release, load string) ancestry {
	ctx, cancel := context.WithTimeout(ctx, p.g.settings.client.Timeout/4) // What is left must be enough for the rest of the look.
	defer cancel()
	const failed = "the store has no answer about past releases"
	on := p.coarse()
	seen, err := p.g.ask(ctx, query{expr: p.g.count(versionless(p.g.settings.workload), on.step), on: &on})
	if err != nil {
		return ancestry{why: failed}
	}
	born, near := p.young()
	found := p.ancestors(seen[0], on, born, base)
	if len(found) == 0 {
		return ancestry{why: fmt.Sprintf("no other release with two pods began in the %s before", shortly(p.g.settings.compare.history))}
	}
	var queries []query
	for _, names := range pastSignals {
		queries = append(queries, query{expr: p.g.ofPast(names, found, load), on: &near})
	}
	answers, err := p.g.ask(ctx, queries...)
	switch {
	case err != nil:
		return ancestry{why: failed}
	case !wholly(append(answers, seen...)):
		return ancestry{why: "the store says that its answer about past releases is not complete"}
	}
	var a ancestry
	for _, one := range found {
		a.sides = append(a.sides, one.read(answers, near))
	}
	return a
}

// young is when the candidate's first pod was born, or must have been, and the grid on which past releases are seen: of the time that is
// compared, without the first pods' warm-up.
func (p *pairing) young() (time.Time, grid) {
	born := time.Time{}
	for _, t := range p.candidate.targets {
		if t.born.IsZero() { // It is older than all that was asked for.
			born = p.grid.start().Add(-p.warmUp)
			break
		}
		if born.IsZero() || t.born.Before(born) {
			born = t.born
		}
	}
	on, from := p.grid, p.begin()
	for from < p.grid.n-1 && p.grid.at(from).Before(born.Add(p.warmUp)) {
		from++
	}
	n := p.grid.n - from
	each := (n + maxPastPoints - 1) / maxPastPoints
	on.step *= time.Duration(each)
	on.n = (n-1)/each + 1
	return born, on
}

// ancestors are the newest releases that began before the candidate, neither it nor its baseline.
func (p *pairing) ancestors(seen promapi.Answer, on grid, born time.Time, base release) (found []ancestor) {
	for _, s := range seen.Series {
		r, t := releaseOf(s.Labels), newTrack(s, on)
		last := t.last()
		if !r.known() || !r.other(p.candidate.release) || r == base || last < 0 {
			continue
		}
		first, most := stretch(t, last), 0.0
		for _, pods := range t.values() {
			most = max(most, pods)
		}
		by := born.Sub(on.at(first)).Round(p.grid.step)
		if first == 0 || by <= 0 || !(most >= 2) { // Its age is not known, or it is younger, or its one pod tells nothing.
			continue
		}
		found = append(found, ancestor{r, on.at(first), int(min(most, math.MaxInt32)), by})
	}
	slices.SortFunc(found, func(a, b ancestor) int {
		return cmp.Or(b.begun.Compare(a.begun), cmp.Compare(a.release.digest, b.release.digest), cmp.Compare(a.release.version, b.release.version))
	})
	room := maxPastReleases * maxPastPods
	found = slices.DeleteFunc(found, func(one ancestor) bool {
		if one.pods > room {
			return true
		}
		room -= one.pods
		return false
	})
	return found[:min(len(found), maxPastReleases)]
}

// ofPast asks for some signals of all releases at once, each release moved by its own offset.
func (g *gatherer) ofPast(names []string, found []ancestor, load string) string {
	text := ""
	for i, name := range names {
		if i > 0 {
			text += " or "
		}
		all := ""
		for j, one := range found {
			if j > 0 {
				all += " or "
			}
			all += g.ofRelease(name, one, load)
		}
		text += fmt.Sprintf(`label_replace(%s, %q, %q, "", "")`, all, labelSignal, name)
	}
	return text
}

func (g *gatherer) ofRelease(name string, one ancestor, load string) string {
	w := versionless(g.settings.workload)
	w.Version, w.ImageDigest = one.release.version, one.release.digest
	over := func(metric string, steps float64) string {
		reach := time.Duration(steps * float64(g.settings.step))
		return fmt.Sprintf("%s[%s] offset %s", g.selector(metric, w), promDuration(reach), promDuration(one.by))
	}
	switch name {
	case byCounter:
		return slope(over(load, 3))
	case signalAllocation:
		return fmt.Sprintf("%s or %s", slope(over(metricAllocated, 3)), byIdentity(fmt.Sprintf("last_over_time(%s)", over(specOf(name).metric, 1.5))))
	}
	return fmt.Sprintf("last_over_time(%s)", over(specOf(name).metric, 1.5))
}

// read makes a side of what one release showed.
func (a ancestor) read(answers []promapi.Answer, on grid) *side {
	all := targets{}
	for i, names := range pastSignals {
		for _, name := range names {
			own := promapi.Answer{}
			for _, s := range answers[i].Series {
				if s.Labels[labelSignal] == name && releaseOf(s.Labels) == a.release {
					own.Series = append(own.Series, s)
				}
			}
			spec := signalSpec{name: byCounter}
			if name != byCounter {
				spec = specOf(name)
			}
			all.read(spec, own, on)
		}
	}
	pods := all.sorted()
	for _, t := range pods {
		for _, tracks := range t.tracks {
			for _, one := range tracks {
				t.first = min(t.first, max(0, one.first()))
			}
		}
		if t.first > 0 {
			t.born = on.at(t.first)
		}
	}
	return &side{release: a.release, grid: on, targets: pods[:min(len(pods), maxPastPods)]}
}

// prior is what the past says of one signal, or the default. Which one is said in the course.
func (a ancestry) prior(spec signalSpec, source string, m *loadModel, set compare.Settings) compare.Prior {
	if a.off || a.why != "" {
		return set.Prior
	}
	var history [][]compare.Pod
	pods := 0
	for _, s := range a.sides {
		own := *m
		own.common = s.meanOf(signalAllocation)
		levels := usable(s.pods(spec, source, own, set.WarmUp), own.of(spec.name) != noLoadNeeded, set.WarmUp, s.grid.n)
		if one := compare.LearnPrior([][]compare.Pod{levels}); one.Freedom > compare.Default().Prior.Freedom {
			history, pods = append(history, levels), pods+len(levels)
		}
	}
	if free := pods - len(history); free < minLearned {
		m.course = append(m.course, fmt.Sprintf("prior of %s: %s, the default: %d pods of %d past releases are too few to learn from", spec.name, priorText(set.Prior), pods, len(history)))
		return set.Prior
	}
	learned := compare.LearnPrior(history)
	bounded, note := learned, ""
	if bounded.SD = min(max(learned.SD, lowestPrior), highestPrior); bounded.SD != learned.SD {
		note = fmt.Sprintf(", bounded from %.3g", learned.SD)
	}
	m.course = append(m.course, fmt.Sprintf("prior of %s: %s, learned from %d pods of %d past releases%s", spec.name, priorText(bounded), pods, len(history), note))
	return bounded
}

func priorText(p compare.Prior) string {
	return fmt.Sprintf("pods of one version differ by a standard deviation of %.3g (%.3g degrees of freedom)", p.SD, p.Freedom)
}

// usable leaves the pods with at least half of the points, each point after the warm-up and with a load where one is needed.
func usable(pods []compare.Pod, load bool, warmUp time.Duration, n int) (left []compare.Pod) {
	for _, pod := range pods {
		var points []compare.Point
		for _, point := range pod.Points {
			late := pod.Born == 0 || point.At-pod.Born >= warmUp.Milliseconds()
			if late && point.Value > 0 && (!load || point.Load > 0) {
				points = append(points, point)
			}
		}
		if 2*len(points) >= n {
			left = append(left, compare.Pod{Name: pod.Name, Expected: len(points), Points: points})
		}
	}
	return left
}
