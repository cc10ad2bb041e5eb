// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"math"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/heapgate/heapgate/internal/promapi"
)

func TestUsage(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want int
	}{
		{[]string{"-h"}, exitHolds},
		{[]string{"-only", "nothing"}, exitBroken},
		{[]string{"-for", "1s"}, exitBroken},
		{[]string{"more"}, exitBroken},
	} {
		if got := run(t.Context(), tc.args, io.Discard, io.Discard); got != tc.want {
			t.Errorf("truth %q exits with %d, want %d", tc.args, got, tc.want)
		}
	}
}

// TestPlan holds the plan to the program: names, and lines that are marked.
func TestPlan(t *testing.T) {
	source, err := scenarioFiles.ReadFile("scenario/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^\t"(\w+)": `).FindAllSubmatch(source, -1) {
		names = append(names, string(m[1]))
	}
	for _, s := range plan {
		if !slices.Contains(names, s.name) {
			t.Errorf("the program has no scenario %s", s.name)
		}
		if s.goroutine != "" {
			if _, err := lineOf(s.goroutine); err != nil {
				t.Error(err)
			}
		}
	}
	if len(names) != len(plan) {
		t.Errorf("the program has %d scenarios, the plan %d", len(names), len(plan))
	}
	files, _ := fs.Glob(scenarioFiles, "scenario/*.go")
	sites := regexp.MustCompile(`newSite\("(\w+)"`)
	for _, file := range files {
		text, err := scenarioFiles.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range sites.FindAllSubmatch(text, -1) {
			if _, err := lineOf(string(m[1])); err != nil && !strings.HasSuffix(file, "_test.go") {
				t.Error(err)
			}
		}
	}
}

// TestScenarioAnswers builds the program as the harness does, with each toolchain, and reads its counts strictly.
func TestScenarioAnswers(t *testing.T) {
	if _, err := exec.LookPath("nice"); err != nil {
		t.Skip(err)
	}
	tools, err := toolchains(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, tool := range tools {
		t.Run(tool.version, func(t *testing.T) {
			binary, err := tool.buildScenario(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			one, _ := scenarioOf("unbounded_int64")
			a, err := enter(t.Context(), settings{niceness: 5}, dir, act{one, tool.version, binary})
			if err != nil {
				t.Fatal(err)
			}
			defer a.stop()
			if _, err := get(t.Context(), a.url+"/go"); err != nil {
				t.Fatal(err)
			}
			deadline := time.Now().Add(20 * time.Second)
			for {
				text, err := get(t.Context(), a.url+"/truth")
				if err != nil {
					t.Fatal(err)
				}
				var f facts
				strict := json.NewDecoder(bytes.NewReader(text))
				strict.DisallowUnknownFields()
				if err := strict.Decode(&f); err != nil {
					t.Fatal(err)
				}
				if f.Go == tool.version && len(f.Sites) == 1 && f.Sites[0].total() > 1<<16 && len(f.Pauses) > 1 && len(f.CPU) > 1 && len(f.Memory) > 1 {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("after 20 s the counts are %.500s", text)
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
}

func TestCollectorConfigIsYAML(t *testing.T) {
	var text bytes.Buffer
	config := collectorConfig{Interval: time.Second, Window: 20 * time.Second, Lookback: 1500 * time.Millisecond, Directory: "a: b", Endpoint: "127.0.0.1:1",
		Targets: []target{{ID: "x", URL: "http://127.0.0.1:2", GCTrace: filepath.Join("a", `"`), MemoryLimit: "1MiB"}, {ID: "y"}}}
	if err := collectorTemplate.Execute(&text, config); err != nil {
		t.Fatal(err)
	}
	var parsed map[string]any
	if err := yaml.Unmarshal(text.Bytes(), &parsed); err != nil || len(parsed) != 4 {
		t.Errorf("%v\n%s", err, text.String())
	}
}

func TestFacts(t *testing.T) {
	f := facts{
		Sites:  []siteFacts{{Points: []pointFacts{{1e9, 1e9, 10}, {1.95e9, 2e9, 30}}}},
		Pauses: []pauseFacts{{1, 1e9, 5e6}, {2, 2e9, 1e6}, {3, 3e9, 3e6}, {5, 5e9, 1}},
		CPU:    []cpuFacts{{1e9, 1, 10}, {3e9, 2, 30}},
	}
	for at, want := range map[float64][2]float64{0.5: {0, 0}, 1: {10, 10}, 1.9: {10, 10}, 1.96: {10, 30}, 2: {30, 30}, 9: {30, 30}} {
		if least, most := f.Sites[0].at(at); least != want[0] || most != want[1] {
			t.Errorf("at %g s the site has %g to %g bytes, want %g", at, least, most, want)
		}
	}
	if got := nearest(0, &f.Sites[0], 1.96, 2.96); got != 0 { // the step may have been counted before
		t.Errorf("nearest to 0 is %g", got)
	}
	if got := nearest(19, &f.Sites[0], 1.96, 2.96); got != 20 {
		t.Errorf("nearest to 19 is %g", got)
	}
	if share, ok := f.cpuShare(1, 2); !ok || share != 0.05 {
		t.Errorf("the share is %g (%v), want 0.05", share, ok)
	}
	if _, ok := f.cpuShare(1, 4); ok {
		t.Error("there is a share of what was not seen")
	}
	if sorted, ok := f.pausesOf(0, 3); !ok || !slices.Equal(sorted, []float64{1e-3, 3e-3, 5e-3}) {
		t.Errorf("pauses are %v (%v)", sorted, ok)
	}
	if _, ok := f.pausesOf(2, 5); ok {
		t.Error("a lost pause is not noticed")
	}
}

func TestQuantum(t *testing.T) {
	sorted := make([]float64, 200)
	for i := range sorted {
		sorted[i] = 1.01e-3 + 1e-6*float64(i)
	}
	low, exact, high := quantum(sorted, 0.99)
	if exact != sorted[197] || low != 1e-3 || high != 1.5e-3 {
		t.Errorf("%g in %g ... %g", exact, low, high)
	}
	if low, exact, high := quantum([]float64{9}, 0.99); low != 5 || exact != 9 || high != 9 {
		t.Errorf("%g in %g ... %g of one long pause", exact, low, high)
	}
}

// said is a series of a heard, one point a second from the given second on.
func said(from int64, values []float64, labels ...string) promapi.Series {
	s := promapi.Series{Labels: map[string]string{}}
	for i := 0; i+1 < len(labels); i += 2 {
		s.Labels[labels[i]] = labels[i+1]
	}
	for i, v := range values {
		s.Points = append(s.Points, promapi.Point{At: (from + int64(i)) * 1000, Value: v})
	}
	return s
}

// growthHeard is a process whose site grew by 100 bytes a second; each second had a cycle.
func growthHeard(rate, lower, upper float64) *judging {
	h := &heard{series: map[string][]promapi.Series{
		observedUntil:                         {said(1, []float64{0.5, 1.5, 2.5, 3.5})},
		gcCycles:                              {said(1, []float64{4, 5, 6, 7})},
		gcLast:                                {said(1, []float64{1, 2, 3, 4})},
		"heapgate_site_allocated_bytes_total": {said(2, []float64{150, 250, 350}, "code_function_name", "f", "heapgate_class", "c")},
		growthRate:                            {said(4, []float64{rate}, "code_function_name", "f", "heapgate_class", "c")},
		"heapgate_signal_map_growth_rate_lower_bytes_per_second": {said(4, []float64{lower}, "code_function_name", "f", "heapgate_class", "c")},
		"heapgate_signal_map_growth_rate_upper_bytes_per_second": {said(4, []float64{upper}, "code_function_name", "f", "heapgate_class", "c")},
	}, steps: []int64{1000, 2000, 3000, 4000}}
	f := &facts{Sites: []siteFacts{{Name: "?", Function: "f", Class: "c", Points: []pointFacts{{1.4e9, 1.4e9, 150}, {2.4e9, 2.4e9, 260}, {3.4e9, 3.4e9, 370}}}}}
	return &judging{actor: &actor{facts: f}, heard: h}
}

func TestGrowth(t *testing.T) {
	for _, tc := range []struct {
		rate, lower, upper float64
		want               mark
	}{
		{100, 80, 120, right}, // the truth is 110
		{100, 95, 105, wrong},
		{70, 0, 1000, note}, // of no window that is known
	} {
		j := growthHeard(tc.rate, tc.lower, tc.upper)
		j.growths()
		if len(j.rows) != 1 || j.rows[0].mark != tc.want {
			t.Errorf("%v: %+v", tc, j.rows)
		}
	}
	j := growthHeard(1, 1, 1)
	delete(j.series, growthRate)
	j.growths()
	if j.rows[0].mark != note { // too little to be seen
		t.Errorf("%+v", j.rows)
	}
	j.facts.Sites[0].Points[2].Bytes = 9 << 20
	j.rows = nil
	j.growths()
	if j.rows[0].mark != absent {
		t.Errorf("%+v", j.rows)
	}
}

// TestNewestVerdict: the store looks back, so that the verdict before is still there for a moment.
func TestNewestVerdict(t *testing.T) {
	j := &judging{heard: &heard{series: map[string][]promapi.Series{mapVerdict: {
		said(1, []float64{1, 1, 1, 1}, "heapgate_map_verdict", "warming"),
		said(4, []float64{1}, "heapgate_map_verdict", "unbounded", "heapgate_reason", "doublings"),
	}}}}
	if verdict, why := j.verdictAt(4000, mapVerdict, "heapgate_map_verdict", nil); verdict != "unbounded" || why != "doublings" {
		t.Errorf("%s (%s)", verdict, why)
	}
	if verdict, _ := j.verdictAt(3000, mapVerdict, "heapgate_map_verdict", nil); verdict != "warming" {
		t.Errorf("%s", verdict)
	}
}

func TestGoals(t *testing.T) {
	full := func() *table {
		t := &table{}
		for _, g := range goals {
			for range 20 {
				t.rows = append(t.rows, row{kind: g.kind, mark: right})
			}
		}
		return t
	}
	if full().missed() {
		t.Error("all is right, and a goal is missed")
	}
	one := full()
	one.rows[0].mark = wrong // 95 % of growth
	if one.missed() {
		t.Error("one of twenty may be wrong")
	}
	one.rows[1].mark = wrong
	if !one.missed() {
		t.Error("two of twenty may not be wrong")
	}
	one.short = true
	if one.missed() {
		t.Error("two of twenty wrong are no surprise where 95 % are right")
	}
	for i := range 5 {
		one.rows[i].mark = wrong
	}
	if !one.missed() {
		t.Error("five of twenty wrong are no chance")
	}
	alarms := full()
	alarms.rows[len(alarms.rows)-1].mark = wrong
	if !alarms.missed() {
		t.Error("no alarm may be wrong")
	}
	if empty := (&table{}); !empty.missed() {
		t.Error("nothing was judged, and no goal is missed")
	}
	var out bytes.Buffer
	alarms.print(&out)
	if !strings.Contains(out.String(), "**missed**") || !strings.Contains(out.String(), string(wrong)) {
		t.Errorf("the table hides it:\n%s", out.String())
	}
}

func TestAtLeast(t *testing.T) {
	for _, tc := range []struct {
		k, n int
		want float64
	}{{0, 10, 1}, {1, 10, 0.40126}, {2, 20, 0.26416}, {4, 20, 0.01590}, {5, 20, 0.00257}} {
		if got := atLeast(tc.k, tc.n, 0.05); math.Abs(got-tc.want) > 1e-5 {
			t.Errorf("%d or more of %d: %.5f, want %.5f", tc.k, tc.n, got, tc.want)
		}
	}
}
