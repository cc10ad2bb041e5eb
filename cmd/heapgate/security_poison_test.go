// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
)

// poisoned are three pods of either version; the candidate allocates a quarter and holds a third more.
func poisoned() string {
	return fleet(1, quarter, 240, fleetPart{version: "v1", pods: 3, to: 240, allocation: 1, live: 1}, fleetPart{version: "v2", pods: 3, from: 60, to: 240, allocation: 1.25, live: 1.3})
}

// comparedMetrics are the metrics that stand behind what is compared.
var comparedMetrics = map[string]string{
	"heapgate_signal_heap_live_bytes":                       signalHeapLive,
	"heapgate_signal_gc_cpu_per_byte_seconds_per_By":        signalCPUPerByte,
	"heapgate_signal_heap_allocation_rate_bytes_per_second": signalAllocation,
	"heapgate_signal_heap_headroom_ratio":                   signalMemoryShare,
}

// addSeries writes a second series of a metric, with a label that somebody else gave it, under each target of a version.
func addSeries(t *testing.T, fixture, version, metric, values string) string {
	t.Helper()
	var out []string
	own, n := false, 0
	for line := range strings.Lines(fixture) {
		out = append(out, line)
		if strings.HasPrefix(line, "target ") {
			own = strings.Contains(line, fmt.Sprintf("service_version=%q", version))
		}
		name, _, _ := strings.Cut(line, " ")
		if base, more, _ := strings.Cut(name, "{"); own && base == metric {
			more = strings.TrimSuffix(more, "}")
			if more != "" {
				more += ","
			}
			out, n = append(out, fmt.Sprintf("%s{%sreplica=\"2\"} %s\n", metric, more, values)), n+1
		}
	}
	if n == 0 {
		t.Fatalf("no %s of %s", metric, version)
	}
	return strings.Join(out, "")
}

// TestPoisonedSeriesNeverPass: a second series of a signal, as a tenant can write it where a store honours labels, is taken for neither
// side. Small values would better the candidate, large ones the baseline.
func TestPoisonedSeriesNeverPass(t *testing.T) {
	for metric, signal := range comparedMetrics {
		for version, values := range map[string]string{"v1": "1e12x239", "v2": "1e-12x239"} {
			t.Run(version+" "+signal, func(t *testing.T) {
				t.Parallel()
				fixture := addSeries(t, poisoned(), version, metric, values)
				if signal == signalAllocation { // The counter comes first.
					fixture = addSeries(t, fixture, version, metricAllocated, strings.Replace(values, "x", "+1x", 1))
				}
				r := compareWith(t, fixture, gateFlags{version: "v2", window: 40 * time.Minute})
				if got := r.evidence.Comparison.Signals[signal]; got.Outcome == "pass" || version == "v2" && signal != signalAllocation && got.Outcome != "inconclusive" || r.exitCode() == exitPass {
					t.Errorf("%s is %s (exit code %d)\n%s", signal, got.Outcome, r.exitCode(), r.text())
				}
			})
		}
	}
}

// notNumbers puts a value into a store's answer in place of a version's numbers: of every point, or of every third.
type notNumbers struct {
	store
	metric, version string
	with            float64
	every           int
	spoilt          atomic.Int64
}

func (s *notNumbers) QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (promapi.Answer, error) {
	a, err := s.store.QueryRange(ctx, expr, start, end, step)
	if !strings.Contains(expr, s.metric+"{") {
		return a, err
	}
	for _, one := range a.Series {
		for k := range one.Points {
			if one.Labels["service_version"] == s.version && k%s.every == 0 {
				one.Points[k].Value = s.with
				s.spoilt.Add(1)
			}
		}
	}
	return a, err
}

// TestNotANumberNeverPasses: NaN and the infinite on either side of a compared signal, in whole or in part, stop the gate; a report of it
// is still valid JSON.
func TestNotANumberNeverPasses(t *testing.T) {
	judge, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	fixture := fleet(1, quarter, 240, fleetPart{version: "v1", pods: 3, to: 240, allocation: 1, live: 1}, fleetPart{version: "v2", pods: 3, from: 60, to: 240, allocation: 1, live: 1})
	filled, err := newFakeStore(fixture, storeNow)
	if err != nil {
		t.Fatal(err)
	}
	defer filled.close()
	s, err := testSettings(gateFlags{version: "v2", window: 40 * time.Minute, compare: compareFlags{baseline: "auto", looks: 4, warmUp: -1, history: 168 * time.Hour}}, filled)
	if err != nil {
		t.Fatal(err)
	}
	client, err := promapi.New(s.store, s.client)
	if err != nil {
		t.Fatal(err)
	}
	look := func(from store) report { return lookOnce(t.Context(), s, from, judge, single(storeNow)) }
	if r := look(client); r.exitCode() != exitPass {
		t.Fatalf("untouched it does not pass: %s", r.text())
	}
	for metric, signal := range comparedMetrics {
		if signal == signalAllocation {
			metric = metricAllocated // the counter comes first
		}
		for _, with := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			for _, version := range []string{"v1", "v2"} {
				for _, every := range []int{1, 3} {
					spoiling := &notNumbers{store: client, metric: metric, version: version, with: with, every: every}
					r := look(spoiling)
					name := fmt.Sprintf("%s of %s with %g at 1 of %d", signal, version, with, every)
					if spoiling.spoilt.Load() == 0 || r.evidence == nil {
						t.Fatalf("%s: nothing was spoilt: %s", name, r.verdict.Summary)
					}
					if got := r.evidence.Comparison.Signals[signal]; got.Outcome == "pass" {
						t.Errorf("%s passes: %s", name, got.Outcome)
					}
					document, err := r.json()
					if err != nil || !json.Valid(document) {
						t.Errorf("%s: %v: %s", name, err, document)
					}
				}
			}
		}
	}
}
