// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/heapgate/heapgate/internal/promapi"
)

const growthRate = "heapgate_signal_map_growth_rate_bytes_per_second"

// siteLabels by which the store knows a site.
func siteLabels(s *siteFacts) []label {
	labels := []label{{"code_function_name", s.Function}, {"heapgate_class", s.Class}}
	if line, err := lineOf(s.Name); err == nil {
		labels = append(labels, label{"code_line_number", strconv.Itoa(line)})
	}
	return labels
}

// growths compares the growth rate of each site with what the site allocated in the window that the rate is of.
func (j *judging) growths() {
	for i := range j.facts.Sites {
		s := &j.facts.Sites[i]
		labels := siteLabels(s)
		step, ok := j.lastStep(growthRate, labels...)
		r := row{kind: growth, signal: "map.growth_rate " + s.Name, truth: bytesText(s.total()) + " in all", mark: absent}
		switch {
		case !ok && s.total() < 8<<20:
			r.kind, r.mark, r.remark = further, note, "below the 8 MiB that sampling can see"
		case ok:
			r = j.growth(s, step, labels)
		}
		j.add(r)
	}
}

func (j *judging) growth(s *siteFacts, step int64, labels []label) row {
	said, _ := j.at(step, growthRate, labels...)
	lower, _ := j.at(step, "heapgate_signal_map_growth_rate_lower_bytes_per_second", labels...)
	upper, _ := j.at(step, "heapgate_signal_map_growth_rate_upper_bytes_per_second", labels...)
	samples, _ := j.at(step, "heapgate_signal_map_samples", labels...)
	r := row{kind: growth, signal: "map.growth_rate " + s.Name, said: bytesText(said) + "/s", stated: fmt.Sprintf("%s ... %s", bytesText(lower), bytesText(upper)), mark: absent}
	first, last, ok := j.growthWindow(step, said, labels)
	if !ok {
		r.kind, r.mark, r.remark = further, note, "its window is not known"
		return r
	}
	truth := nearest(said, s, first.until, last.until)
	r.truth, r.off = bytesText(truth)+"/s", relative(said, truth)
	r.mark = within(lower*(1-1e-9)-1, truth, upper*(1+1e-9)+1)
	r.remark = fmt.Sprintf("%.0f samples in %.0f s", samples, last.until-first.until)
	return r
}

// nearest is the rate between two times. Where a step was under way at one of them, nobody can say whether it is before or after: the
// truth is then the one of both that is nearer to what was said.
func nearest(said float64, s *siteFacts, from, to float64) float64 {
	fromLeast, fromMost := s.at(from)
	toLeast, toMost := s.at(to)
	truth := math.Inf(1)
	for _, bytes := range []float64{toLeast - fromLeast, toLeast - fromMost, toMost - fromLeast, toMost - fromMost} {
		if rate := bytes / (to - from); math.Abs(rate-said) < math.Abs(truth-said) {
			truth = rate
		}
	}
	return truth
}

// growthWindow finds the snapshots that a rate is of: those between which the bytes rose by that rate.
func (j *judging) growthWindow(step int64, rate float64, labels []label) (first, last snapshot, ok bool) {
	all := j.snapshots(step)
	if len(all) < 2 {
		return first, last, false
	}
	last = all[len(all)-1]
	end, ok := j.at(last.step, "heapgate_site_allocated_bytes_total", labels...)
	if !ok {
		return first, last, false
	}
	length, _ := j.at(step, "heapgate_signal_window_seconds")
	nearest := math.Inf(1)
	for _, s := range all[:len(all)-1] {
		if length > 0 && s.until < last.until-length-1e-3 {
			continue // out of the window
		}
		start, known := j.at(s.step, "heapgate_site_allocated_bytes_total", labels...)
		if off := math.Abs((end-start)/(last.until-s.until) - rate); known && off < nearest {
			first, nearest = s, off
		}
	}
	return first, last, nearest <= 1e-6*rate+1e-3
}

// bytes compares what a site has allocated since the start, with each allocation sampled: to the byte.
func (j *judging) bytes() {
	for i := range j.facts.Sites {
		s := &j.facts.Sites[i]
		labels := siteLabels(s)
		r := row{kind: bytes1, signal: "site.allocated " + s.Name, truth: fmt.Sprintf("%.0f B", s.total()), stated: "0 B", mark: absent}
		if step, ok := j.lastStep("heapgate_site_allocated_bytes_total", labels...); ok {
			said, _ := j.at(step, "heapgate_site_allocated_bytes_total", labels...)
			r.said, r.off = fmt.Sprintf("%.0f B", said), fmt.Sprintf("%+.0f B", said-s.total())
			r.mark = within(s.total(), said, s.total())
		}
		j.add(r)
	}
}

// verdictAt is the verdict on a site at a step, "" if there is none, with its reason.
func (j *judging) verdictAt(step int64, metric, of string, labels []label) (verdict, reason string) {
	newest := int64(0)
	for _, s := range j.all(metric, labels...) {
		if v, ok := valueAt(s, step); !ok || v != 1 {
			continue
		}
		if began := runBegan(s, step); began >= newest { // the one before may still be looked back at
			newest, verdict, reason = began, s.Labels[of], s.Labels["heapgate_reason"]
		}
	}
	return verdict, reason
}

// runBegan is the step from which on a series has been said without a gap.
func runBegan(s promapi.Series, step int64) int64 {
	i, ok := slices.BinarySearchFunc(s.Points, step, func(p promapi.Point, at int64) int { return int(p.At - at) })
	if !ok {
		return 0
	}
	for i > 0 && len(s.Points) > 1 && s.Points[i].At-s.Points[i-1].At <= s.Points[1].At-s.Points[0].At {
		i--
	}
	return s.Points[i].At
}
