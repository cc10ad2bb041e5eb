// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

func TestSubqueryCost(t *testing.T) {
	const century = 100 * 365 * 24 * time.Hour
	for _, tc := range []struct {
		expr   string
		span   time.Duration
		points float64
		want   cost
	}{
		{"up", time.Hour, 241, cost{}},
		{"rate(up[100y])", time.Hour, 241, cost{}},
		{"max_over_time(up[1h:1m])", 0, 1, cost{60, 60}},
		{"max_over_time(up[1h:])", 0, 1, cost{60, 60}},
		{"max_over_time(up[1h:1m])", time.Hour, 241, cost{120, 241 * 60}},
		{"max_over_time(up[1h:1m] offset 1d)", time.Hour, 241, cost{120, 241 * 60}},
		{"max_over_time(up[1h:1m] @ end())", time.Hour, 241, cost{60, 60}}, // evaluated once
		{"max_over_time(up[1h:1m]) + max_over_time(up[1h:1s])", 0, 1, cost{60 + 3600, 60 + 3600}},
		{"max_over_time(max_over_time(up[1h:1m])[2h:10m])", 0, 1, cost{12 + 180, 12 + 12*60}}, // the inner one spans three hours
		{"sum by (a) (-(max_over_time(up[1h:1m]) > 1))", 0, 1, cost{60, 60}},
		{"count_over_time(up[100y:1ms])", century, 2, cost{2 * century.Seconds() * 1000, 2 * century.Seconds() * 1000}},
	} {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(tc.expr)
		if err != nil {
			t.Fatal(err)
		}
		if expr, err = promql.PreprocessExpr(expr, noon, noon.Add(tc.span), time.Second); err != nil {
			t.Fatal(err)
		}
		if got := subqueryCost(expr, float64(tc.span.Milliseconds()), tc.points); got != tc.want {
			t.Errorf("%s over %s costs %.0f, want %.0f", tc.expr, tc.span, got, tc.want)
		}
	}
}

func TestCheckLength(t *testing.T) {
	filler := strings.Repeat("-", maxUnquoted)
	for _, tc := range []struct {
		name, text string
		ok         bool
	}{
		{"at the limit", filler, true},
		{"above it", filler + "1", false},
		{"a long regular expression", `up{pod=~"` + filler + `"}`, true},
		{"an escaped quote", `up{pod=~"\"` + filler + `"}`, true},
		{"a backslash ends no raw string", "`\\`" + filler, false},
		{"another quote in quotes", `"'"` + filler, false},
		{"an escaped backslash", `"\\"` + filler, false},
	} {
		if err := checkLength(tc.text); (err == nil) != tc.ok {
			t.Errorf("%s: got %v", tc.name, err)
		}
	}
}

// TestNesting sends expressions that would keep the parser or the engine for minutes.
func TestNesting(t *testing.T) {
	r := startRig(t, testConfig(t.TempDir()))
	for _, expr := range []string{
		strings.Repeat("-", 60_000) + "vector(1)",
		strings.Repeat("(", 30_000) + "vector(1)" + strings.Repeat(")", 30_000),
		"vector(1)" + strings.Repeat("+up", 20_000),
	} {
		for path, params := range map[string]url.Values{
			"/api/v1/query":       {"query": {expr}},
			"/api/v1/query_range": {"query": {expr}, "start": {"1"}, "end": {"2"}, "step": {"1"}},
		} {
			if status, body := r.do(http.MethodPost, path, params); status != http.StatusBadRequest || !strings.Contains(body, "the expression must have at most 8192 characters besides those in quotes (got 6") {
				t.Errorf("%s: %d %.300s", path, status, body)
			}
		}
	}
	if _, body := r.query(strings.Repeat("-(", 1000) + "1" + strings.Repeat(")", 1000)); !strings.Contains(body, `"1"`) {
		t.Errorf("deep enough for anybody: %.300s", body)
	}
}
