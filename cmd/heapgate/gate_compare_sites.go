// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/heapgate/heapgate/internal/verdict/compare"
)

const (
	metricSiteBytes   = "heapgate_site_allocated_bytes_total"
	metricSiteObjects = "heapgate_site_allocations_total"
	// profileRate is runtime.MemProfileRate as almost every process has it.
	profileRate = 512 << 10
)

// compareSites names the sites whose allocation rate changed by more than chance. Where the versions did not run at once, the baseline's
// rates are taken to the candidate's load by the same model that the allocation rate was; without one nothing is named.
func (g *gatherer) compareSites(ctx context.Context, c *comparison, kind string, base, candidate *side, allocation compare.Result) error {
	span := min(base.commonSpan(), candidate.commonSpan())
	comparable := allocation.Adjusted && allocation.Reason != compare.ReasonLoadNotComparable
	if kind != baselineConcurrent && !comparable || span < 2*g.settings.step {
		return nil
	}
	load := 1.0
	if comparable {
		load = math.Exp(allocation.Steps.Slope * allocation.Steps.LoadShift)
	}
	before, err := g.siteSamples(ctx, base, span, load)
	if err != nil {
		return g.withoutSites(ctx, err)
	}
	after, err := g.siteSamples(ctx, candidate, span, 1)
	if err != nil {
		return g.withoutSites(ctx, err)
	}
	for _, one := range compare.Sites(before, after, compare.DefaultSites()) {
		c.Sites = append(c.Sites, changedSite{
			Function: one.Function, File: one.File, Line: one.Line, Class: one.Class, Baseline: one.Baseline, Candidate: one.Candidate,
			Difference: one.Difference, Deviation: one.Deviation, Sigmas: one.Sigmas,
		})
	}
	g.course = append(g.course, fmt.Sprintf("sites: %d samples before, %d after, over %s; %d changed by more than chance", len(before), len(after), shortly(span), len(c.Sites)))
	return nil
}

// withoutSites goes on without an answer that is too large or cannot be had: sites explain, they do not decide. Of the reason nothing is
// kept, because a replay, which has no such answer either, has another.
func (g *gatherer) withoutSites(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	g.course = append(g.course, "sites: the store gave no answer that could be used")
	return nil
}

// commonSpan is how long all targets were there up to the end.
func (s *side) commonSpan() time.Duration {
	from := s.from
	for _, t := range s.targets {
		from = max(from, t.first)
	}
	return time.Duration(s.grid.n-1-from) * s.grid.step
}

// siteSamples asks what each site of each target allocated in the last span, times a factor.
func (g *gatherer) siteSamples(ctx context.Context, s *side, span time.Duration, factor float64) ([]compare.SiteSample, error) {
	by := strings.Join(append(append([]string{}, identityLabels...), siteLabels...), ", ")
	ask := func(metric string) query {
		return query{expr: fmt.Sprintf("sum by (%s) (increase(%s[%s]))", by, g.selector(metric, s.asked), promDuration(span)), instant: true, at: s.grid.end}
	}
	answers, err := g.ask(ctx, ask(metricSiteBytes), ask(metricSiteObjects))
	if err != nil {
		return nil, err
	}
	objects := map[string]float64{}
	for _, one := range answers[1].Series {
		objects[siteID(one.Labels)] = one.Points[0].Value
	}
	ours := map[string]bool{}
	for _, t := range s.targets {
		ours[identity(t.labels)] = true
	}
	var samples []compare.SiteSample
	for _, one := range answers[0].Series {
		bytes := one.Points[0].Value
		if !ours[identity(one.Labels)] || !isNumber(bytes) || bytes < 0 {
			continue
		}
		line, _ := strconv.Atoi(one.Labels["code_line_number"])
		samples = append(samples, compare.SiteSample{
			Pod: identity(one.Labels), Function: one.Labels["code_function_name"], File: one.Labels["code_file_path"], Line: line, Class: one.Labels["heapgate_class"],
			Bytes: bytes * factor, Variance: samplingVariance(bytes, objects[siteID(one.Labels)]) * factor * factor, Seconds: span.Seconds(),
		})
	}
	return samples, nil
}

func siteID(labels map[string]string) string {
	id := identity(labels)
	for _, label := range siteLabels {
		id += "\x00" + labels[label]
	}
	return id
}

// samplingVariance is that of a heap profile's estimate of bytes: with n samples of objects of s bytes, each sampled with the chance
// p = 1 - exp(-s/rate), it is n s^2 (1-p)/p^2, which is bytes * s (1-p)/p. For small objects that is bytes * rate.
// A profile that saw nothing may have missed about one sample.
func samplingVariance(bytes, objects float64) float64 {
	if bytes <= 0 {
		return profileRate * profileRate
	}
	if !(objects >= 1) || math.IsInf(objects, 0) {
		return bytes * profileRate
	}
	size := bytes / objects
	p := -math.Expm1(-size / profileRate)
	return bytes * size * (1 - p) / p
}
