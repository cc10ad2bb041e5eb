// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
	"github.com/heapgate/heapgate/internal/verdict/compare"
)

// comparedNames are the four signals that are compared, and so can stop a deployment for being worse than before. Few, because each
// one more costs certainty (Holm).
var comparedNames = []string{signalHeapLive, signalCPUPerByte, signalAllocation, signalMemoryShare}

// compare holds the candidate to its baseline and adds what came out to the evidence. What cannot be compared is inconclusive and has a
// reason; only a store that fails is an error.
func (g *gatherer) compare(ctx context.Context, facts *evidence) error {
	if g.judge == nil || g.settings.compare.baseline == baselineNone {
		return nil
	}
	on := g.comparedGrid()
	set := g.comparisonSettings(on)
	g.limits = &set
	c := &comparison{
		Look:    comparisonLook{max(1, g.moment.Look.Number), max(1, g.moment.Look.Of), g.moment.final()},
		Signals: map[string]compared{}, Sites: []changedSite{},
	}
	facts.Comparison = c
	p := &pairing{g: g, grid: on, warmUp: set.WarmUp}
	kind, base, err := p.pair(ctx)
	if err == nil && kind != baselineNone && !g.moment.Early {
		err = g.compareSides(ctx, c, kind, &base, p, set)
	}
	var failed *promapi.Error
	switch {
	case errors.As(err, &failed) && failed.Kind == promapi.KindTooLarge:
		kind = baselineNone // Nothing that the verdict could do without, as far as the policies say.
		p.refuse("%s", evidenceError(ctx, err))
		c.Signals, c.Sites, g.results = map[string]compared{}, []changedSite{}, nil
	case err != nil:
		return err
	}
	c.Baseline = p.baseline(kind, base)
	if g.moment.Early && kind != baselineNone {
		reason := reasonBetweenLooks
		for _, name := range comparedNames {
			c.Signals[name] = compared{Outcome: string(compare.Inconclusive), Reason: &reason, Limit: &set.Limit, PassMargin: &set.PassMargin, Unit: specOf(name).unit}
		}
	}
	return nil
}

// comparedGrid begins one window before the first look and ends now: what the looks are decided on grows from one to the next, as the
// bounds of O'Brien and Fleming want it.
func (g *gatherer) comparedGrid() grid {
	long := g.settings.window
	if waited := g.now.Sub(g.moment.Since); waited > 0 {
		long += waited
	}
	on := newGrid(g.now, long, g.settings.step)
	on.n = min(on.n, maxSteps*3/4) // The rest is for the warm-up before it.
	return on
}

// comparisonSettings are the policies' limits, and the defaults of the package compare where they have none. The warm-up is at most a
// third of the time that is compared, so that a short window of young processes still leaves something to compare; what is
// learned then of a process that is still warming up holds for the baseline at the same age, or shows as noise.
func (g *gatherer) comparisonSettings(on grid) compare.Settings {
	set := compare.Default()
	for name, to := range map[string]*float64{"pass_margin": &set.PassMargin, "limit": &set.Limit, "alpha": &set.Alpha, "min_coverage": &set.MinCoverage} {
		if limit := g.judge.limit("comparison", name); limit != nil {
			*to = *limit
		}
	}
	if seconds := g.judge.limit("comparison", "warm_up_seconds"); seconds != nil {
		set.WarmUp = time.Duration(*seconds * float64(time.Second))
	}
	if given := g.settings.compare.warmUp; given != nil {
		set.WarmUp = *given
	}
	set.WarmUp = min(set.WarmUp, (time.Duration(on.n) * on.step / 3).Truncate(on.step))
	return set
}

func (p *pairing) baseline(kind string, found side) baseline {
	b := baseline{Kind: kind, Version: found.release.version, ImageDigest: found.release.digest, Targets: len(found.targets)}
	if text := strings.Join(p.refused, "; "); text != "" {
		b.Reason = &text
	}
	if kind != baselineNone {
		start, end := found.grid.at(found.from).UTC().Format(time.RFC3339), found.grid.end.UTC().Format(time.RFC3339)
		b.Start, b.End, b.Workload = &start, &end, found.asked.Name
	}
	return b
}

// compareSides samples both sides and compares every signal.
func (g *gatherer) compareSides(ctx context.Context, c *comparison, kind string, base *side, p *pairing, set compare.Settings) error {
	asked, load, candidate := len(g.answers), g.loadMetric(), &p.candidate
	for _, one := range []*side{base, candidate} {
		if err := g.sample(ctx, one, load); err != nil {
			return err
		}
	}
	note := incomplete(g.answers[asked:])
	m := newLoadModel(kind, g.settings.compare.load, load, base, candidate)
	past := p.learn(ctx, base.release, load, &m)
	asked = len(g.answers) // What the past lacks makes the default of what is learned of it, and nothing else.
	results := map[string]compare.Result{}
	for _, name := range comparedNames {
		spec := specOf(name)
		source, ok := commonSource(spec, base, candidate)
		if !ok {
			c.Signals[name] = notSeenSignal(spec, set, base, candidate)
			continue
		}
		own := set
		own.Unadjusted = m.of(name) == noLoadNeeded
		own.Prior = past.prior(spec, source, &m, set)
		results[name] = compare.Signal(base.pods(spec, source, m, set.WarmUp), candidate.pods(spec, source, m, set.WarmUp), own, g.moment.Look)
	}
	results = compare.Holm(results, set.Alpha)
	g.results, g.course = results, m.course
	for name, r := range results {
		c.Signals[name] = comparedOf(r, specOf(name), set)
	}
	if err := g.compareSites(ctx, c, kind, base, candidate, results[signalAllocation]); err != nil {
		return err
	}
	if note = cmp.Or(note, incomplete(g.answers[asked:])); note != "" {
		g.distrust(c, note)
	}
	return nil
}

// distrust makes every signal inconclusive: the store says that its answers lack something.
func (g *gatherer) distrust(c *comparison, note string) {
	reason := reasonPartial
	for name, s := range c.Signals {
		s.Outcome, s.Reason = string(compare.Inconclusive), &reason
		c.Signals[name] = s
	}
	c.Sites = []changedSite{}
	g.course = append(g.course, "the store says that its answer is not complete: "+note)
}

// incomplete is the first warning of some answers. Infos are left out: a counter whose name does not end in _total is one.
func incomplete(answers []answered) string {
	for _, one := range answers {
		switch {
		case len(one.answer.Warnings) > 0:
			return one.answer.Warnings[0]
		case one.answer.Partial:
			return "isPartial"
		}
	}
	return ""
}

// notSeenSignal is one without a source that both sides have. If one side has the signal, the other may get it yet.
func notSeenSignal(spec signalSpec, set compare.Settings, base, candidate *side) compared {
	reason := reasonNotSeen
	if base.hasAny(spec.name) || candidate.hasAny(spec.name) {
		reason = compare.ReasonInsufficientData
	}
	return compared{Outcome: string(compare.Inconclusive), Reason: &reason, Limit: &set.Limit, PassMargin: &set.PassMargin, Unit: spec.unit}
}

func comparedOf(r compare.Result, spec signalSpec, set compare.Settings) compared {
	out := compared{
		Outcome: string(r.Outcome), Ratio: r.Ratio, Lower: r.Lower, Upper: r.Upper, Limit: &set.Limit, PassMargin: &set.PassMargin,
		Baseline: r.Baseline, Candidate: r.Candidate, Unit: spec.unit, PodsBaseline: r.PodsBaseline, PodsCandidate: r.PodsCandidate,
		PointsBaseline: r.PointsBaseline, PointsCandidate: r.PointsCandidate, Adjusted: r.Adjusted,
	}
	if r.Reason != "" {
		out.Reason = &r.Reason
	}
	return out
}

// loadMetric is the counter of the work done.
func (g *gatherer) loadMetric() string {
	if given := g.settings.compare.load; given != "" {
		return given
	}
	return "heapgate_load_requests_total"
}

// metricAllocated counts all bytes that a process has allocated.
const metricAllocated = "go_memory_allocated_bytes_total"

// rateOf asks for a counter's rate per target, over three steps: one scrape may be missing, and points three steps apart are of their
// own. Load and allocation are asked alike, so that what is late in one is late in the other. It is the slope of the samples and not
// rate(): that one extrapolates by the mean distance of the samples, and where a heap text and /debug/vars are read one right after the
// other, it is up to a quarter too low. A counter that begins anew has no rate above zero, and so a gap.
func (g *gatherer) rateOf(metric string, w workload) string {
	return slope(fmt.Sprintf("%s[%s]", g.selector(metric, w), promDuration(3*g.settings.step)))
}

func slope(ranged string) string { return byIdentity("deriv("+ranged+")") + " > 0" }

func byIdentity(expr string) string {
	return fmt.Sprintf("sum by (%s) (%s)", strings.Join(identityLabels, ", "), expr)
}
