// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

// countedAlerts are the panels that count what an alert would name.
var countedAlerts = map[string]string{"Maps without bound": "HeapgateMapGrowth", "Near the memory limit": "HeapgateLiveHeapNearLimit"}

// A dashboard that counts what an alert names counts by the alert's numbers.
func TestDashboardsCountByTheAlertsLimits(t *testing.T) {
	_, rules := readRules(t)
	for _, d := range readDashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				got := values(comparedNumbers(t, withoutVariables(target.Expr)))
				alert, counts := countedAlerts[p.Title]
				if i := slices.IndexFunc(rules, func(r alertRule) bool { return r.Alert == alert }); counts && i >= 0 {
					if want := values(comparedNumbers(t, rules[i].Expr)); !slices.Equal(got, want) {
						t.Errorf("%s: %s compares with %v, %s with %v", d.file, p.Title, got, alert, want)
					}
				} else if counts || slices.ContainsFunc(got, func(v float64) bool { return v != 0 && v != 1 }) {
					t.Errorf("%s: %s compares with %v; countedAlerts does not say whose limits these are", d.file, p.Title, got)
				}
			}
		}
	}
}

func values(numbers []*parser.NumberLiteral) []float64 {
	var all []float64
	for _, n := range numbers {
		all = append(all, n.Val)
	}
	return all
}

// An alert leads to a dashboard, and what the watch counts of exceptions and of gates that opened is seen there.
func TestDashboardsShowWhatTheWatchsAlertsName(t *testing.T) {
	_, rules := readRules(t)
	shown := map[string]string{}
	for _, d := range readDashboards(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				shown[d.UID] += " " + strings.Join(metricsOf(t, withoutVariables(target.Expr)), " ") + " "
			}
		}
	}
	seen := 0
	for _, r := range rules {
		for _, metric := range metricsOf(t, r.Expr) {
			if !strings.HasPrefix(metric, "heapgate_exception_") && !strings.HasPrefix(metric, "heapgate_gate_") {
				continue
			}
			seen++
			if uid := r.Annotations["__dashboardUid__"]; !strings.Contains(shown[uid], " "+metric+" ") {
				t.Errorf("%s leads to %q, which does not show %s", r.Alert, uid, metric)
			}
		}
	}
	if seen < 4 {
		t.Errorf("only %d metrics of exceptions and open gates are in the rules", seen)
	}
}

// metricsOf are the names of the metrics that an expression reads, where it names them.
func metricsOf(t *testing.T, expr string) []string {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatalf("%v\n%s", err, expr)
	}
	var all []string
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok && selector.Name != "" {
			all = append(all, selector.Name)
		}
		return nil
	})
	return all
}
