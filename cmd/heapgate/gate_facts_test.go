// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/otlptranslator"
	"gopkg.in/yaml.v3"

	"github.com/heapgate/heapgate/internal/promapi"
)

// storeNow is the time of every fixture; it is on the grid of 15 s.
var storeNow = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

func gatherFrom(t *testing.T, fixture string, flags gateFlags) (evidence, *gatherer) {
	t.Helper()
	store, err := newFakeStore(fixture, storeNow)
	if err != nil {
		t.Fatal(err)
	}
	defer store.close()
	s, err := testSettings(flags, store)
	if err != nil {
		t.Fatal(err)
	}
	client, err := promapi.New(s.store, s.client)
	if err != nil {
		t.Fatal(err)
	}
	g := newGatherer(client, s, single(storeNow))
	facts, err := g.gather(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return facts, g
}

func testSettings(flags gateFlags, store *fakeStore) (gateSettings, error) {
	flags.store, flags.output, flags.maxSeries, flags.timeout = "http://store", "text", 2000, 30*time.Second
	flags.asking.auth = "none"
	if flags.workload == "" {
		flags.workload = "shop/shop"
	}
	if flags.compare.baseline == "" {
		flags.compare = compareFlags{baseline: "none", looks: 4, warmUp: -1, history: 168 * time.Hour}
	}
	if flags.step == 0 {
		flags.step = 15 * time.Second
	}
	if flags.window == 0 {
		flags.window = 10 * time.Minute
	}
	s, err := flags.settings()
	s.client.Transport = inProcess{store}
	return s, err
}

func (s signalFact) String() string {
	value, reason := "null", ""
	if s.Value != nil {
		value = fmt.Sprintf("%g", *s.Value)
	}
	if s.Reason != nil {
		reason = " " + *s.Reason
	}
	return fmt.Sprintf("%s%s %d/%d %g %s: %s", value, reason, s.Samples, s.ExpectedSamples, s.Coverage, s.Target, s.Detail)
}

// TestFacts: what a store holds, and what the evidence says about one signal: value or null with reason, samples, coverage, target.
func TestFacts(t *testing.T) {
	const cpu, trace = "gc_cpu_share", `heapgate_signal_gc_cpu_share_ratio{heapgate_source="gctrace"}`
	const mem = `heapgate_signal_gc_cpu_share_ratio{heapgate_source="memstats"}`
	nans := strings.Repeat(" NaN", 61)
	for name, tt := range map[string]struct{ fixture, signal, want string }{
		"healthy":                         {"target a:1", cpu, "0.03 40/40 1 a:1: from gctrace"},
		"median, not the first cycles":    {"target a:1\n" + trace + " 0.9x29 0.1x29", cpu, "0.1 40/40 1 a:1: from gctrace"},
		"median of an even number":        {"target a:1\n" + trace + " 0.9x20 0.1x19 0.3x19", cpu, "0.2 40/40 1 a:1: from gctrace"},
		"maximum of pauses":               {"target a:1\nheapgate_signal_gc_pause_p99_seconds 0.001x39 0.5 0.001x19", "gc_pause_p99_seconds", "0.5 40/40 1 a:1: "},
		"last of the windows":             {"target a:1\nheapgate_signal_windows 0+1x59", "windows", "59 40/40 1 a:1: "},
		"highest of two targets":          {"target b:1\n" + trace + " 0.2x60\ntarget a:1", cpu, "0.2 40/40 1 b:1: from gctrace"},
		"fewest windows of two":           {"target b:1\nheapgate_signal_windows 2x60\ntarget a:1", "windows", "2 40/40 1 b:1: "},
		"lowest memory limit":             {"target b:1\nheapgate_memory_limit_bytes 1024x60\ntarget a:1", "memory_limit_bytes", "1024 40/40 1 b:1: "},
		"memstats is preferred":           {"target a:1\n" + mem + " 0.2x60", cpu, "0.2 40/40 1 a:1: from memstats"},
		"falls back":                      {"target a:1", cpu, "0.03 40/40 1 a:1: from gctrace"},
		"falls back from a source of NaN": {"target a:1\n" + mem + nans, cpu, "0.03 40/40 1 a:1: from gctrace"},
		"both sources broken":             {"target a:1\n" + trace + " _x30 0.2x5 _x25\n" + mem + nans, cpu, "null nan 40/40 1 a:1: a:1 has 40 of 40 points of heapgate_signal_gc_cpu_share_ratio that are NaN or infinite"},
		"missing on one of two":           {"target b:1\n" + trace + " _x60\ntarget a:1\n" + trace + " 0.99x60", cpu, "null missing 0/40 0 b:1: b:1 was scraped in the window but has no heapgate_signal_gc_cpu_share_ratio"},
		"missing on both":                 {"target b:1\n" + trace + " _x60\ntarget a:1\n" + trace + " _x60", cpu, "null missing 0/40 0 a:1: a:1 was scraped in the window but has no heapgate_signal_gc_cpu_share_ratio; 2 of 2 targets have no usable value"},
		"infinite":                        {"target a:1\n" + trace + " 0.1x59 Inf", cpu, "null nan 40/40 1 a:1: a:1 has 1 of 40 points of heapgate_signal_gc_cpu_share_ratio that are NaN or infinite"},
		"one point lost":                  {"target a:1\n" + trace + " 0.1x49 _ 0.1x9", cpu, "0.1 40/40 1 a:1: from gctrace"},
		"three points lost":               {"target a:1\n" + trace + " 0.1x46 _x3 0.1x9", cpu, "0.1 38/40 0.95 a:1: from gctrace"},
		"twelve points lost":              {"target a:1\n" + trace + " 0.1x36 _x12 0.1x10", cpu, "0.1 29/40 0.725 a:1: from gctrace"},
		"more than half lost":             {"target a:1\n" + trace + " _x25 0.1x9 _x21 0.1x3", cpu, "null gap 16/40 0.4 a:1: a:1 has 16 of 40 points of heapgate_signal_gc_cpu_share_ratio"},
		"stale":                           {"target a:1\n" + trace + " 0.1x38", cpu, "null stale 19/40 0.475 a:1: the newest heapgate_signal_gc_cpu_share_ratio of a:1 is 5m15s old"},
		"young target":                    {"target a:1\nheapgate_target_up _x40 1x19\n" + trace + " _x40 0.1x19", cpu, "0.1 21/21 1 a:1: from gctrace"},
		"points from before its birth":    {"target a:1\nheapgate_target_up _x40 1x19", cpu, "0.03 21/21 1 a:1: from gctrace"},
		"signal later than its target":    {"target a:1\nheapgate_target_up _x40 1x19\n" + trace + " _x44 0.1x15", cpu, "0.1 17/21 0.8095 a:1: from gctrace"},
		"coverage of the worst covered":   {"target b:1\n" + trace + " 0.05x36 _x9 0.05x13\ntarget a:1\n" + trace + " 0.1x60", cpu, "0.1 32/40 0.8 a:1: from gctrace"},
		"two collectors":                  {"target a:1 {replica=\"1\"}\ntarget a:1 {replica=\"2\"}", cpu, "null duplicate 40/40 1 a:1: a:1 has more than one series of heapgate_signal_gc_cpu_share_ratio; do two collectors scrape it?"},
		"two series of one signal":        {"target a:1\n" + `heapgate_signal_cycles{replica="2"} 3x60`, "cycles", "null duplicate 40/40 1 a:1: a:1 has more than one series of heapgate_signal_cycles; do two collectors scrape it?"},
		"one address, two versions":       {"target a:1 {service_version=\"1\"}\n" + trace + " 0.2x60\ntarget a:1 {service_version=\"2\"}", cpu, "0.2 40/40 1 a:1: from gctrace"},
		"partial":                         {"target a:1\npartial", cpu, "null partial 40/40 1 a:1: the store says that its answer is not complete: isPartial"},
		"signals without a sign of life":  {"target a:1\ntarget b:1\nheapgate_target_up _x60\n" + trace + " 0.7x60", cpu, "0.7 40/40 1 b:1: from gctrace"},
		"a warning":                       {"target a:1\nwarn x\nwarn y", "cycles", "null partial 40/40 1 a:1: the store says that its answer is not complete: x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts, _ := gatherFrom(t, tt.fixture, gateFlags{})
			if got := facts.Signals[tt.signal].String(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			for name, s := range facts.Signals {
				if (s.Value == nil) == (s.Reason == nil) || s.Value != nil && !isNumber(*s.Value) {
					t.Errorf("%s has value %v and reason %v", name, s.Value, s.Reason)
				}
			}
			if len(facts.Signals) != len(signalSpecs) {
				t.Errorf("%d signals, want all %d", len(facts.Signals), len(signalSpecs))
			}
		})
	}
}

func TestAge(t *testing.T) {
	facts, _ := gatherFrom(t, "target a:1\nheapgate_signal_cycles 3x53\ntarget b:1", gateFlags{})
	if age := facts.Signals["cycles"].AgeSeconds; age == nil || *age != 90 { // 7 points, and the half step a point reaches
		t.Errorf("age of the oldest target is %v, want 90", age)
	}
	if age := facts.Signals["windows"].AgeSeconds; age == nil || *age != 0 {
		t.Errorf("age is %v, want 0", age)
	}
}

func TestTargetsAreCounted(t *testing.T) {
	for name, tt := range map[string]struct {
		fixture  string
		seen, up int
	}{
		"two":                {"target a:1\ntarget b:1", 2, 2},
		"one down":           {"target a:1\ntarget b:1\nheapgate_target_up 1x50 0x9", 2, 1},
		"one gone":           {"target a:1\ntarget b:1\nheapgate_target_up 1x50", 2, 1},
		"one back again":     {"target a:1\ntarget b:1\nheapgate_target_up 0x50 1x9", 2, 2},
		"never heard":        {"target a:1\ntarget b:1\nheapgate_target_up _x60", 2, 1},
		"gone before":        {"target a:1\ntarget b:1\n" + strings.ReplaceAll(strings.Join(healthy, "\n"), "x60", "x5"), 1, 1},
		"two with one name":  {"target a:1 {oci_manifest_digest=\"x\"}\ntarget a:1 {oci_manifest_digest=\"y\"}", 2, 2},
		"last breath of one": {"target a:1\ntarget b:1\n" + strings.ReplaceAll(strings.Join(healthy[1:], "\n"), "x60", "x20") + "\nheapgate_target_up 1x18", 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			facts, _ := gatherFrom(t, tt.fixture, gateFlags{})
			if facts.Targets != (targetCount{tt.seen, tt.up}) {
				t.Errorf("%+v, want %d seen, %d up", facts.Targets, tt.seen, tt.up)
			}
		})
	}
}

func TestWorkloadIsCompletedWhereTargetsAgree(t *testing.T) {
	facts, _ := gatherFrom(t, `target a:1 {service_version="1",oci_manifest_digest="sha256:x"}`+"\n"+`target b:1 {service_version="2",oci_manifest_digest="sha256:x"}`, gateFlags{})
	want := workload{Cluster: "demo", Namespace: "shop", Kind: "Deployment", Name: "shop", Container: "shop", ImageDigest: "sha256:x"}
	if diff := cmp.Diff(want, facts.Workload); diff != "" {
		t.Error(diff)
	}
}

func TestNobodySaysWhoElseThereIs(t *testing.T) {
	fixture := `target a:1 {service_version="1"}` + "\n" + `target b:1 {service_version="1"}` + "\n" + `target c:1 {service_version="2"}`
	facts, g := gatherFrom(t, fixture, gateFlags{version: "3"})
	want := "null missing 0/0 0 : no target of shop/shop with version 3 was seen in 10m; seen: cluster demo, kind Deployment, container shop, version 1; cluster demo, kind Deployment, container shop, version 2"
	if got := facts.Signals["cycles"].String(); got != want || facts.Targets.Seen != 0 || len(facts.Signals) != len(signalSpecs) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if len(g.answers) != 2 {
		t.Errorf("%d queries, want 2", len(g.answers))
	}
}

func TestGridIsAlignedAndComplete(t *testing.T) {
	for _, now := range []time.Time{storeNow, storeNow.Add(14999 * time.Millisecond), storeNow.Add(7 * time.Second)} {
		g := newGrid(now, 10*time.Minute, 15*time.Second)
		if g.n != 40 || !g.end.Equal(storeNow) || !g.start().Equal(storeNow.Add(-585*time.Second)) {
			t.Errorf("%+v from %s", g, g.start())
		}
		for i := range g.n {
			if at, ok := g.index(g.at(i).UnixMilli()); !ok || at != i {
				t.Errorf("index of point %d is %d, %t", i, at, ok)
			}
		}
		for _, outside := range []time.Time{g.start().Add(-g.step), g.end.Add(g.step)} {
			if at, ok := g.index(outside.UnixMilli()); ok {
				t.Errorf("%s is outside of the window and has index %d", outside, at)
			}
		}
	}
}

// TestMetricNamesAreTheOnesWritten translates the names of both metadata.yaml files as the store does and looks for every metric that
// the gate asks for.
func TestMetricNamesAreTheOnesWritten(t *testing.T) {
	namer := otlptranslator.MetricNamer{WithMetricSuffixes: true}
	written := map[string]bool{}
	for _, file := range []string{"../../processor/metadata.yaml", "../../receiver/metadata.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var metadata struct {
			Metrics map[string]struct {
				Unit  string
				Gauge any
			}
		}
		if err := yaml.Unmarshal(text, &metadata); err != nil {
			t.Fatal(err)
		}
		for name, metric := range metadata.Metrics {
			if metric.Gauge == nil {
				continue
			}
			translated, err := namer.Build(otlptranslator.Metric{Name: name, Unit: metric.Unit, Type: otlptranslator.MetricTypeGauge})
			if err != nil {
				t.Fatal(err)
			}
			written[translated] = true
		}
	}
	asked := append([]string{metricUp}, siteMetrics...)
	for _, spec := range signalSpecs {
		asked = append(asked, spec.metric)
	}
	for _, metric := range asked {
		if !written[metric] {
			t.Errorf("nobody writes %s", metric)
		}
	}
	if len(written) < 20 || !slices.Contains(asked, "heapgate_memory_limit_bytes") {
		t.Errorf("only %d gauges found in the metadata", len(written))
	}
}
