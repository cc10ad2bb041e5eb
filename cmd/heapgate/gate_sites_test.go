// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heapgate/heapgate/internal/promapi"
)

func siteLine(field int, function string, values string) string {
	return fmt.Sprintf("%s{code_function_name=%q,code_file_path=\"f.go\",code_line_number=\"7\",heapgate_class=\"map_grow\"} %s\n", siteMetrics[field], function, values)
}

func wholeSite(function string, lower float64) string {
	var b strings.Builder
	for field := range siteMetrics {
		b.WriteString(siteLine(field, function, fmt.Sprintf("%gx60", []float64{2 * lower, lower, 3 * lower, 5, 40, 0.5, 2}[field])))
	}
	return b.String()
}

func TestSitesAreJoined(t *testing.T) {
	facts, _ := gatherFrom(t, "target a:1 {service_version=\"v1\"}\nheapgate_signal_map_sites 2x60\n"+wholeSite("slow", 10)+wholeSite("fast", 100), gateFlags{})
	number := func(x float64) *float64 { return &x }
	site := func(function string, lower float64) mapSite {
		return mapSite{Function: function, File: "f.go", Line: 7, Class: "map_grow", Target: "a:1", Version: "v1", Rate: number(2 * lower), Lower: number(lower), Upper: number(3 * lower),
			RetainedShare: number(0.5), Windows: 5, Doublings: number(2), Samples: 40}
	}
	if diff := cmp.Diff([]mapSite{site("fast", 100), site("slow", 10)}, facts.MapSites); diff != "" {
		t.Error(diff)
	}
	if got := facts.Signals[signalSites].String(); got != "2 40/40 1 a:1: " {
		t.Errorf("sites watched: %s", got)
	}
}

// TestABrokenSiteIsNoPass: what is not known about one site makes it unknown what the maps do.
func TestABrokenSiteIsNoPass(t *testing.T) {
	for name, tt := range map[string]struct{ fixture, want string }{
		"whole":          {wholeSite("f", 1), "1 40/40 1 a:1: "},
		"no share":       {wholeSite("f", 1) + siteLine(5, "f", "_x60"), "1 40/40 1 a:1: "},
		"no doublings":   {wholeSite("f", 1) + siteLine(6, "f", "_x60"), "1 40/40 1 a:1: "},
		"no lower":       {wholeSite("f", 1) + siteLine(1, "f", "_x60"), "null missing 40/40 1 a:1: f (f.go:7) on a:1 has no heapgate_signal_map_growth_rate_lower_bytes_per_second"},
		"no samples":     {wholeSite("f", 1) + siteLine(4, "f", "_x60"), "null missing 40/40 1 a:1: f (f.go:7) on a:1 has no heapgate_signal_map_samples"},
		"infinite":       {wholeSite("f", 1) + siteLine(6, "f", "Inf"+strings.Repeat(" Inf", 60)), "null nan 40/40 1 a:1: heapgate_signal_map_doublings_ratio of f (f.go:7) on a:1 is +Inf"},
		"half a window":  {wholeSite("f", 1) + siteLine(3, "f", "2.5x60"), "null nan 40/40 1 a:1: heapgate_signal_map_growth_windows of f (f.go:7) on a:1 is 2.5"},
		"long gone":      {strings.ReplaceAll(wholeSite("f", 1), "x60", "x30"), "1 40/40 1 a:1: "},
		"left and alone": {strings.ReplaceAll(wholeSite("f", 1), "x60", "x50"), "1 40/40 1 a:1: "},
		"twice": {wholeSite("f", 1) + strings.ReplaceAll(siteLine(0, "f", "1x60"), "{code", "{replica=\"2\",code"),
			"null duplicate 40/40 1 a:1: f (f.go:7) on a:1 has more than one series of heapgate_signal_map_growth_rate_bytes_per_second; do two collectors scrape it?"},
	} {
		t.Run(name, func(t *testing.T) {
			facts, _ := gatherFrom(t, "target a:1\nheapgate_signal_map_sites 1x60\n"+tt.fixture, gateFlags{})
			if got := facts.Signals[signalSites].String(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if gone := name == "long gone"; gone != (len(facts.MapSites) == 0) {
				t.Errorf("%d sites", len(facts.MapSites))
			}
		})
	}
}

func TestSiteOrderDoesNotDependOnTheStore(t *testing.T) {
	series := func(function string, value float64) promapi.Series {
		return promapi.Series{Labels: map[string]string{"instance": "a:1", "code_function_name": function, "code_line_number": "x"}, Points: []promapi.Point{{Value: value}}}
	}
	answers := make([]promapi.Answer, len(siteMetrics))
	backwards := make([]promapi.Answer, len(siteMetrics))
	for field := range siteMetrics {
		for i := range 5 {
			answers[field].Series = append(answers[field].Series, series(fmt.Sprint(i), 3))
			backwards[field].Series = append([]promapi.Series{series(fmt.Sprint(i), 3)}, backwards[field].Series...)
		}
	}
	answers[2].Series[1].Points[0].Value, backwards[2].Series[3].Points[0].Value = math.NaN(), math.NaN()
	answers[1].Series[4].Points[0].Value, backwards[1].Series[0].Points[0].Value = math.NaN(), math.NaN()
	for range 20 {
		one, why := readSites(answers)
		other, whyOther := readSites(backwards)
		if diff := cmp.Diff(one, other); diff != "" || *why != *whyOther {
			t.Fatalf("%s; %v and %v", diff, why, whyOther)
		}
	}
}
