// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heapgate/heapgate/internal/promapi"
	"github.com/heapgate/heapgate/internal/verdict/compare"
)

// The facts of a window are gathered so:
//
//  1. The window is a grid of n points, a step apart, whose end is now rounded down to a step: stores and their caches that align
//     times to the step then answer for exactly these times.
//  2. Each metric is asked as last_over_time(metric[1.5 steps]) over the grid. A plain selector would be filled up to five minutes
//     back by the store, which hides gaps; this one has a point only where a sample was written. The half step more
//     than a step lets a scrape be late without making a gap.
//  3. Who is judged: every target with a point of heapgate_target_up in the window.
//  4. The signals of each target are reduced over time, then over the targets (gate_signals.go).
//  5. Sites of maps are asked once, at the end of the window (gate_sites.go).
//  6. An answer that the store calls partial makes every signal null.
//  7. What was found over hours is asked for (gate_leak.go), and the candidate is held to a baseline (gate_compare.go).

const (
	metricUp = "heapgate_target_up"
	// parallel questions to one store.
	parallel = 4
)

// The labels that tell one target from another. Two series of one metric that agree in all of them are duplicates.
var identityLabels = []string{
	"instance", "k8s_cluster_name", "heapgate_workload_kind", "k8s_container_name", "service_version", "oci_manifest_digest",
}

// grid is the times of the points of a window.
type grid struct {
	end  time.Time
	step time.Duration
	n    int
}

func newGrid(now time.Time, window, step time.Duration) grid {
	ms := now.UnixMilli()
	return grid{end: time.UnixMilli(ms - ms%step.Milliseconds()), step: step, n: int(window / step)}
}

func (g grid) start() time.Time       { return g.at(0) }
func (g grid) at(index int) time.Time { return g.end.Add(-time.Duration(g.n-1-index) * g.step) }

// index of a time on the grid; false if it is outside.
func (g grid) index(unixMilli int64) (int, bool) {
	offset := unixMilli - g.start().UnixMilli()
	step := g.step.Milliseconds()
	index := int((offset + step/2) / step)
	return index, offset > -step/2 && index < g.n
}

// question is one query as it was asked, for the report and for a replay.
type question struct {
	Query  string `json:"query"`
	Start  string `json:"start,omitempty"` // absent for a query at one time
	End    string `json:"end"`
	Step   string `json:"step,omitempty"`
	Series int    `json:"series"`
}

type gatherer struct {
	store    store
	settings gateSettings
	judge    *judge // nil: nothing is compared
	moment   lookMoment
	now      time.Time
	grid     grid
	answers  []answered // in the order of the questions

	results map[string]compare.Result
	limits  *compare.Settings
	course  []string // what was chosen and why, for --explain
}

func newGatherer(from store, s gateSettings, at lookMoment) *gatherer {
	return &gatherer{store: from, settings: s, moment: at, now: at.Now, grid: newGrid(at.Now, s.window, s.step)}
}

func (g *gatherer) gather(ctx context.Context) (evidence, error) {
	facts := g.newEvidence()
	up, err := g.ask(ctx, g.overTime(metricUp))
	if err != nil {
		return facts, err
	}
	all := readTargets(up[0], g.grid)
	if len(all) == 0 {
		return g.nobody(ctx, facts)
	}
	queries := []query{}
	for _, spec := range signalSpecs {
		queries = append(queries, g.overTime(spec.metric))
	}
	for _, metric := range siteMetrics {
		queries = append(queries, g.latest(metric))
	}
	answers, err := g.ask(ctx, queries...)
	if err != nil {
		return facts, err
	}
	ofSignals, ofSites := answers[:len(signalSpecs)], answers[len(signalSpecs):]
	for i, spec := range signalSpecs {
		all.read(spec, ofSignals[i], g.grid)
	}
	facts.Targets = all.count(g)
	facts.Workload = all.complete(facts.Workload)
	for _, spec := range signalSpecs {
		facts.Signals[spec.name] = all.worst(spec, g)
	}
	var problem *absence
	facts.MapSites, problem = readSites(ofSites)
	if watched := facts.Signals[signalSites]; problem != nil && watched.Value != nil {
		facts.Signals[signalSites] = watched.without(problem.reason, problem.detail)
	}
	g.amend(&facts)
	if err := g.leak(ctx, all, &facts); err != nil {
		return facts, err
	}
	return facts, g.compare(ctx, &facts)
}

// amend applies what holds for the evidence as a whole: partial answers and the limit given by the user.
func (g *gatherer) amend(facts *evidence) {
	if notes := g.warnings(); len(notes) > 0 {
		for name, s := range facts.Signals {
			facts.Signals[name] = s.without(reasonPartial, "the store says that its answer is not complete: "+notes[0])
		}
	}
	if limit := g.settings.memoryLimit; limit != nil {
		var now float64
		facts.Signals[signalMemoryLimit] = signalFact{Value: limit, Unit: "By", Coverage: 1, AgeSeconds: &now, Detail: "given by --memory-limit"}
	}
}

// nobody is the evidence when no target matches; it says which targets of the same name there are.
func (g *gatherer) nobody(ctx context.Context, facts evidence) (evidence, error) {
	w := g.settings.workload
	seen, err := g.ask(ctx, query{
		expr:    fmt.Sprintf("count by (%s) (last_over_time(%s[%s]))", strings.Join(identityLabels[1:], ", "), g.selector(metricUp, workload{Namespace: w.Namespace, Name: w.Name}), promDuration(g.settings.window)),
		instant: true,
	})
	if err != nil {
		return facts, err
	}
	for _, spec := range signalSpecs {
		facts.Signals[spec.name] = signalFact{Unit: spec.unit}.without(reasonMissing, notSeen(w, g.settings.window, seen[0].Series))
	}
	g.amend(&facts)
	return facts, nil
}

func notSeen(w workload, window time.Duration, series []promapi.Series) string {
	wanted := strings.Join(described(w.labels()), ", ")
	if len(series) == 0 {
		return fmt.Sprintf("no target of %s/%s was seen in %s; is the collector scraping it, and does it name it so?", w.Namespace, w.Name, shortly(window))
	}
	var others []string
	for _, s := range series {
		others = append(others, strings.Join(described(s.Labels), ", "))
	}
	slices.Sort(others)
	const most = 5
	more := ""
	if len(others) > most {
		more = fmt.Sprintf(" and %d more", len(others)-most)
		others = others[:most]
	}
	return fmt.Sprintf("no target of %s/%s with %s was seen in %s; seen: %s%s", w.Namespace, w.Name, wanted, shortly(window), strings.Join(others, "; "), more)
}

// query is a question before it is asked: over a grid, or at one time.
type query struct {
	expr    string
	instant bool
	on      *grid     // nil: the window's own
	at      time.Time // of an instant; zero: the end of the window
}

func (g *gatherer) overTime(metric string) query {
	return query{expr: g.overStep(metric, g.settings.workload)}
}

func (g *gatherer) latest(metric string) query {
	return query{expr: fmt.Sprintf("last_over_time(%s[%s])", g.selector(metric, g.settings.workload), promDuration(min(g.settings.window, staleAfter))), instant: true}
}

func (g *gatherer) selector(metric string, w workload) string {
	labels := w.labels()
	var matchers []promapi.Matcher
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		matchers = append(matchers, promapi.Matcher{Label: label, Value: labels[label]})
	}
	text, err := promapi.Selector(metric, matchers...)
	if err != nil {
		panic(err) // Metric and label names are constants of this package.
	}
	return text
}

func promDuration(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }

// ask puts several queries at once; the answers come in the order of the queries. The first failure ends them all. What was asked
// before is not asked again.
func (g *gatherer) ask(ctx context.Context, queries ...query) ([]promapi.Answer, error) {
	answers := make([]promapi.Answer, len(queries))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	repeated := map[int]bool{}
	for i, q := range queries {
		on, at := g.times(q)
		if known := g.known(q); known != nil {
			answers[i], repeated[i] = *known, true
			continue
		}
		group.Go(func() (err error) {
			if q.instant {
				answers[i], err = g.store.Query(ctx, q.expr, at)
			} else {
				answers[i], err = g.store.QueryRange(ctx, q.expr, on.start(), on.end, on.step)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, q := range queries {
		if !repeated[i] {
			g.answers = append(g.answers, answered{g.log(q, answers[i]), answers[i]})
		}
	}
	return answers, nil
}

// known is the answer to the same question of the same look.
func (g *gatherer) known(q query) *promapi.Answer {
	asked := g.log(q, promapi.Answer{})
	for i := range g.answers {
		if one := &g.answers[i]; one.question.Query == asked.Query && one.question.Start == asked.Start && one.question.End == asked.End && one.question.Step == asked.Step {
			return &one.answer
		}
	}
	return nil
}

func (g *gatherer) times(q query) (grid, time.Time) {
	on, at := g.grid, q.at
	if q.on != nil {
		on = *q.on
	}
	if at.IsZero() {
		at = on.end
	}
	return on, at
}

func (g *gatherer) log(q query, a promapi.Answer) question {
	on, at := g.times(q)
	logged := question{Query: q.expr, End: precisely(at), Series: len(a.Series)}
	if !q.instant {
		logged.Start, logged.End, logged.Step = precisely(on.start()), precisely(on.end), on.step.String()
	}
	return logged
}

// precisely writes a time so that it can be asked for again.
func precisely(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// warnings is everything the store said against its own answers, each text once.
func (g *gatherer) warnings() []string {
	all := []string{}
	for _, one := range g.answers {
		all = append(all, one.answer.Warnings...)
		all = append(all, one.answer.Infos...)
		if one.answer.Partial {
			all = append(all, "isPartial")
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
