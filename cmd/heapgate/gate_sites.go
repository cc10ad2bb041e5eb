// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/heapgate/heapgate/internal/promapi"
)

// siteMetrics in the order of the fields that setSite fills.
var siteMetrics = []string{
	"heapgate_signal_map_growth_rate_bytes_per_second",
	"heapgate_signal_map_growth_rate_lower_bytes_per_second",
	"heapgate_signal_map_growth_rate_upper_bytes_per_second",
	"heapgate_signal_map_growth_windows",
	"heapgate_signal_map_samples",
	"heapgate_signal_map_retained_share_ratio",
	"heapgate_signal_map_doublings_ratio",
}

// always of these metrics are written for every site; the others only when there is something to divide by.
const always = 5

// siteLabels tell one site from another within a target.
var siteLabels = []string{"code_function_name", "code_file_path", "code_line_number", "heapgate_class"}

// readSites joins the metrics of the sites by target and place. If one is ambiguous, broken or incomplete, the second result says so:
// then it is not known what the maps do, and the sites that could be read are still handed out.
func readSites(answers []promapi.Answer) ([]mapSite, *absence) {
	type joined struct {
		site mapSite
		had  [7]bool
	}
	sites := map[string]*joined{}
	var problems []absence
	for field, answer := range answers {
		for _, s := range answer.Series {
			id := identity(s.Labels)
			for _, label := range siteLabels {
				id += "\x00" + s.Labels[label]
			}
			one := sites[id]
			if one == nil {
				one = &joined{site: newSite(s.Labels)}
				sites[id] = one
			}
			if one.had[field] {
				problems = append(problems, absence{reasonDuplicate, fmt.Sprintf("%s has more than one series of %s; do two collectors scrape it?", one.site.where(), siteMetrics[field])})
				continue
			}
			one.had[field] = true
			if value := s.Points[0].Value; !one.site.set(field, value) {
				problems = append(problems, absence{reasonNaN, fmt.Sprintf("%s of %s is %v", siteMetrics[field], one.site.where(), value)})
			}
		}
	}
	list := []mapSite{}
	for _, one := range sites {
		for field := range always {
			if !one.had[field] {
				problems = append(problems, absence{reasonMissing, fmt.Sprintf("%s has no %s", one.site.where(), siteMetrics[field])})
			}
		}
		list = append(list, one.site)
	}
	slices.SortFunc(list, bySpeed)
	if len(problems) == 0 {
		return list, nil
	}
	slices.SortFunc(problems, func(a, b absence) int {
		return cmp.Or(rank(a.reason)-rank(b.reason), cmp.Compare(a.detail, b.detail))
	})
	return list, &problems[0]
}

func newSite(labels map[string]string) mapSite {
	line, err := strconv.Atoi(labels["code_line_number"])
	if err != nil || line < 0 {
		line = 0
	}
	return mapSite{
		Function: labels["code_function_name"], File: labels["code_file_path"], Line: line, Class: labels["heapgate_class"],
		Target: labels["instance"], Version: labels["service_version"],
	}
}

func (s mapSite) where() string { return fmt.Sprintf("%s on %s", s.place(), s.Target) }

// place is the function with file and line, if they are known.
func (s mapSite) place() string {
	switch {
	case s.File == "":
		return s.Function
	case s.Line == 0:
		return fmt.Sprintf("%s (%s)", s.Function, s.File)
	}
	return fmt.Sprintf("%s (%s:%d)", s.Function, s.File, s.Line)
}

// set fills the field of siteMetrics[field]; false if the value is no number that it could hold.
func (s *mapSite) set(field int, value float64) bool {
	if !isNumber(value) {
		return false
	}
	switch field {
	case 0:
		s.Rate = &value
	case 1:
		s.Lower = &value
	case 2:
		s.Upper = &value
	case 3, 4:
		if value < 0 || value > math.MaxInt32 || value != math.Trunc(value) {
			return false
		}
		if field == 3 {
			s.Windows = int(value)
		} else {
			s.Samples = int(value)
		}
	case 5:
		s.RetainedShare = &value
	case 6:
		s.Doublings = &value
	}
	return true
}

// bySpeed puts the site first that certainly grows fastest; the rest of the order is only to have one.
func bySpeed(a, b mapSite) int {
	return cmp.Or(
		cmp.Compare(orZero(b.Lower), orZero(a.Lower)), cmp.Compare(orZero(b.Rate), orZero(a.Rate)),
		cmp.Compare(a.Function, b.Function), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Class, b.Class),
		cmp.Compare(a.Target, b.Target), cmp.Compare(a.Version, b.Version),
	)
}

func orZero(x *float64) float64 {
	if x == nil {
		return 0
	}
	return *x
}
