// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heapgate/heapgate/internal/verdict"
	"github.com/heapgate/heapgate/internal/verdict/compare"
)

// explanation is how the verdict came about, for programs: the moment, what was chosen, and every intermediate number.
type explanation struct {
	Moment   lookMoment                `json:"moment"`
	Course   []string                  `json:"course"`
	Settings *compare.Settings         `json:"settings"` // null if nothing was compared
	Signals  map[string]compare.Result `json:"signals"`
	Findings int                       `json:"findings"`
}

func (r report) explanation() *explanation {
	if !r.settings.explain {
		return nil
	}
	e := &explanation{Moment: r.moment, Course: append([]string{}, r.course...), Settings: r.limits, Signals: r.results, Findings: len(r.findings)}
	if e.Signals == nil {
		e.Signals = map[string]compare.Result{}
	}
	return e
}

// explained is the same in lines. Those that belong to a step are indented.
func (r report) explained() []string {
	if !r.settings.explain {
		return nil
	}
	lines, n := []string{}, 0
	step := func(format string, args ...any) {
		n++
		lines = append(lines, fmt.Sprintf("%d. ", n)+fmt.Sprintf(format, args...))
	}
	step("the look: %d of %d at %s, first asked at %s", max(1, r.moment.Look.Number), max(1, r.moment.Look.Of), stamp(r.moment.Now), stamp(r.moment.Since))
	step("asked: %d questions, answered with %d series", len(r.answers), r.seriesCount())
	if r.evidence != nil {
		step("seen: %d targets, %d of them up, in the %s until %s", r.evidence.Targets.Seen, r.evidence.Targets.Up, shortly(r.settings.window), r.evidence.Window.End)
		if c := r.evidence.Comparison; c != nil {
			step("the baseline: %s", c.against())
			for _, text := range r.course {
				lines = append(lines, "   "+text)
			}
		}
	}
	for _, name := range comparedNames {
		if result, ok := r.results[name]; ok {
			step("%s: %s", name, wordsOf(string(result.Outcome), result.Reason))
			for _, text := range r.stepsOf(result, specOf(name).unit) {
				lines = append(lines, "   "+text)
			}
		}
	}
	if len(r.results) > 1 {
		step("Holm's correction over %d signals: the smallest p must be below alpha/%d to fail", len(r.results), len(r.results))
	}
	step("the policies %s: %d findings of %d rules", r.judge.pack.Digest(), len(r.findings), len(r.judge.pack.Rules()))
	for _, f := range r.findings {
		lines = append(lines, fmt.Sprintf("   %s %s %s %s", f.ID, word(verdict.Kind(f.Kind)), f.Signal, f.Target))
	}
	if r.moment.Suspect != nil {
		step("an earlier look had doubts at %s: %s", stamp(r.moment.Suspect.Seen), r.moment.Suspect.Reason.Text)
	}
	step("the verdict: %s", r.verdict.Outcome)
	return lines
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

func (r report) seriesCount() (n int) {
	for _, one := range r.answers {
		n += one.question.Series
	}
	return n
}

// stepsOf writes the numbers of one comparison in the order of the package compare.
func (r report) stepsOf(result compare.Result, unit string) []string {
	s := result.Steps
	lines := []string{
		fmt.Sprintf("clean: baseline %s; candidate %s", sideOf(s.Baseline, result.PodsBaseline, result.PointsBaseline), sideOf(s.Candidate, result.PodsCandidate, result.PointsCandidate)),
	}
	if result.Ratio == nil {
		return lines
	}
	if result.Adjusted {
		lines = append(lines, fmt.Sprintf("load: slope %.4g, shift of the mean log load %.4g; baseline's 5 to 95 %% are %.4g to %.4g, the candidate's median %.4g", s.Slope, s.LoadShift, s.LoadLow, s.LoadHigh, s.LoadMedian))
	} else {
		lines = append(lines, "load: not adjusted for")
	}
	return append(lines,
		fmt.Sprintf("noise: autocorrelation time %.3g points, %d and %d batches, inflated by %.3g and %.3g; variance %.4g", s.Tau, s.Baseline.Batches, s.Candidate.Batches, s.Baseline.Inflation, s.Candidate.Inflation, s.NoiseVariance),
		fmt.Sprintf("pods: standard deviation %.4g with %.3g degrees of freedom; variance %.4g", s.PodSD, s.PodFreedom, s.PodVariance),
		fmt.Sprintf("interval: log ratio %.4g +- %.4g * %.4g (t at %.4g with %.4g degrees of freedom)", s.LogRatio, s.Critical, s.SE, s.Level, s.Freedom),
		fmt.Sprintf("levels: %s, before %s: ratio %.4g, %.4g to %.4g, p %.3g", formatted(result.Candidate, unit), formatted(result.Baseline, unit), *result.Ratio, *result.Lower, *result.Upper, orZero(result.P)),
	)
}

func sideOf(s compare.Side, pods, points int) string {
	text := fmt.Sprintf("%d pods, %d points used of %d present and %d expected, %d times", pods, points, s.Present, s.Expected, s.Times)
	for _, one := range []struct {
		n    int
		what string
	}{{s.WarmUp, "of the warm-up"}, {s.NotPositive, "not positive"}, {s.Infinite, "infinite"}, {s.NoLoad, "without load"}, {s.ShortPods, "pods too short"}, {s.Winsorised, "winsorised"}} {
		if one.n > 0 {
			text += fmt.Sprintf(", %d %s", one.n, one.what)
		}
	}
	return text
}

func wordsOf(outcome, reason string) string {
	if reason == "" {
		return outcome
	}
	return outcome + ": " + strings.ReplaceAll(reason, "_", " ")
}

// against says what the candidate was compared with.
func (c *comparison) against() string {
	if c.Baseline.Kind == baselineNone {
		return "nothing, " + orReason(c.Baseline.Reason)
	}
	text := strings.ReplaceAll(c.Baseline.Kind, "_", " ")
	if of := (release{c.Baseline.Version, c.Baseline.ImageDigest}).String(); of != "" {
		text += " " + of
	}
	if c.Baseline.Workload != "" {
		text += " of " + c.Baseline.Workload
	}
	targets := "targets"
	if c.Baseline.Targets == 1 {
		targets = "target"
	}
	text += fmt.Sprintf(", %d %s", c.Baseline.Targets, targets)
	if c.Baseline.Start != nil {
		text += fmt.Sprintf(" from %s to %s", *c.Baseline.Start, *c.Baseline.End)
	}
	if c.Baseline.Reason != nil {
		text += " (" + *c.Baseline.Reason + ")"
	}
	return text
}

func orReason(reason *string) string {
	if reason == nil {
		return "no reason known"
	}
	return *reason
}

// comparedRow is one line of the table of the comparison.
type comparedRow struct{ name, ratio, interval, limit, baseline, candidate, pods, state string }

func (r report) comparedRows() (rows []comparedRow) {
	if r.evidence == nil || r.evidence.Comparison == nil {
		return nil
	}
	for _, name := range comparedNames {
		s, ok := r.evidence.Comparison.Signals[name]
		if !ok {
			continue
		}
		one := comparedRow{name: name, ratio: times(s.Ratio), limit: "below " + times(s.Limit), baseline: formatted(s.Baseline, s.Unit), candidate: formatted(s.Candidate, s.Unit), pods: fmt.Sprintf("%d/%d", s.PodsCandidate, s.PodsBaseline)}
		one.interval = fmt.Sprintf("%s to %s", times(s.Lower), times(s.Upper))
		reason := ""
		if s.Reason != nil {
			reason = *s.Reason
		}
		if one.state = wordsOf(s.Outcome, reason); !s.Adjusted && s.Ratio != nil {
			one.state += ", not adjusted for load"
		}
		rows = append(rows, one)
	}
	return rows
}

func times(ratio *float64) string {
	if ratio == nil {
		return "-"
	}
	return fmt.Sprintf("x%.2f", *ratio)
}

type changedRow struct{ place, before, now, difference, sigmas, class string }

// changedRows are the sites that changed most; the JSON document has up to twenty.
func (r report) changedRows() (rows []changedRow) {
	if r.evidence == nil || r.evidence.Comparison == nil {
		return nil
	}
	sites := slices.Clone(r.evidence.Comparison.Sites)
	for _, s := range sites[:min(topSites, len(sites))] {
		place := mapSite{Function: s.Function, File: s.File, Line: s.Line}.place()
		difference := fmt.Sprintf("%s +- %s", verdict.Format(s.Difference, "By/s"), verdict.Format(2*s.Deviation, "By/s"))
		rows = append(rows, changedRow{place, verdict.Format(s.Baseline, "By/s"), verdict.Format(s.Candidate, "By/s"), difference, fmt.Sprintf("%.1f", s.Sigmas), s.Class})
	}
	return rows
}
