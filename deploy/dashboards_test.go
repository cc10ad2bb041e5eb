// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

// dashboard is what these tests look at of Grafana's dashboard JSON (schema v1).
type dashboard struct {
	file          string
	ID            *int   `json:"id"`
	UID           string `json:"uid"`
	Title         string `json:"title"`
	Description   string `json:"description"`
	SchemaVersion int    `json:"schemaVersion"`
	Templating    struct {
		List []struct {
			Name       string          `json:"name"`
			Type       string          `json:"type"`
			Datasource *grafanaSource  `json:"datasource"`
			Definition string          `json:"definition"` // what Grafana shows
			Query      json.RawMessage `json:"query"`      // what it asks
		} `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID          int           `json:"id"`
	Type        string        `json:"type"`
	Title       string        `json:"title"`
	Description string        `json:"description"`
	Datasource  grafanaSource `json:"datasource"`
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct {
		Defaults struct {
			Unit       string     `json:"unit"`
			Thresholds thresholds `json:"thresholds"`
		} `json:"defaults"`
		Overrides []struct {
			Matcher    struct{ Options string } `json:"matcher"`
			Properties []struct {
				ID    string          `json:"id"`
				Value json.RawMessage `json:"value"`
			} `json:"properties"`
		} `json:"overrides"`
	} `json:"fieldConfig"`
	Targets []struct {
		RefID      string        `json:"refId"`
		Expr       string        `json:"expr"`
		Datasource grafanaSource `json:"datasource"`
	} `json:"targets"`
}

type grafanaSource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type thresholds struct {
	Steps []struct {
		Value *float64 `json:"value"`
	} `json:"steps"`
}

// The uids are part of the address of a dashboard: alerts and bookmarks hold them.
var dashboardUIDs = map[string]string{"collector.json": "heapgate-collector", "fleet.json": "heapgate-fleet", "maps.json": "heapgate-maps", "watch.json": "heapgate-watch", "workload.json": "heapgate-workload"}

func readDashboards(t *testing.T) []dashboard {
	t.Helper()
	files, err := filepath.Glob("dashboards/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(dashboardUIDs) {
		t.Fatalf("deploy/dashboards has %d dashboards, dashboardUIDs %d", len(files), len(dashboardUIDs))
	}
	var all []dashboard
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := dashboard{file: filepath.Base(file)}
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, d)
	}
	return all
}

func TestDashboardsAreProvisionable(t *testing.T) {
	for _, d := range readDashboards(t) {
		if d.UID != dashboardUIDs[d.file] {
			t.Errorf("%s: uid must stay %q (got %q)", d.file, dashboardUIDs[d.file], d.UID)
		}
		if d.ID != nil || d.Title == "" || d.Description == "" || d.SchemaVersion < 39 {
			t.Errorf("%s: must have a title, a description, schemaVersion 39 or later and a null id", d.file)
		}
		var names []string
		for _, v := range d.Templating.List {
			names = append(names, v.Name)
			if v.Type == "query" && (v.Datasource == nil || v.Datasource.UID != "${datasource}") {
				t.Errorf("%s: variable %s does not ask ${datasource}", d.file, v.Name)
			}
		}
		if len(names) < 4 || !slices.Equal(names[:4], []string{"datasource", "cluster", "namespace", "workload"}) {
			t.Errorf("%s: the variables must begin with datasource, cluster, namespace and workload (got %q)", d.file, names)
		}
		checkPanels(t, d)
		checkVariables(t, d, names)
	}
}

func checkPanels(t *testing.T, d dashboard) {
	t.Helper()
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		where := d.file + ": " + p.Title
		if ids[p.ID] || p.ID == 0 || p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("%s: a panel must have an id of its own, a title, a description, a unit and a query", where)
		}
		ids[p.ID] = true
		if p.Datasource.UID != "${datasource}" {
			t.Errorf("%s: asks the data source %q", where, p.Datasource.UID)
		}
		refs := map[string]bool{}
		for _, target := range p.Targets {
			if target.Datasource.UID != "${datasource}" || refs[target.RefID] {
				t.Errorf("%s: query %s is there twice or does not ask ${datasource}", where, target.RefID)
			}
			refs[target.RefID] = true
		}
		if p.GridPos.W == 0 || p.GridPos.H == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%s: does not fit in the grid", where)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other, ok := taken[cell]; ok {
					t.Fatalf("%s lies on %s", where, other)
				}
				taken[cell] = p.Title
			}
		}
	}
}

var grafanaVariable = regexp.MustCompile(`\$\{?([a-zA-Z_]+)\}?`)

// checkVariables parses every expression of a dashboard, with something put in for its variables.
func checkVariables(t *testing.T, d dashboard, names []string) {
	t.Helper()
	promql := parser.NewParser(parser.Options{})
	check := func(where, expr string) {
		t.Helper()
		for _, match := range grafanaVariable.FindAllStringSubmatch(expr, -1) {
			if match[1] != "__rate_interval" && !slices.Contains(names, match[1]) {
				t.Errorf("%s uses the variable %s, which the dashboard does not have", where, match[0])
			}
		}
		if _, err := promql.ParseExpr(withoutVariables(expr)); err != nil {
			t.Errorf("%s: %v\n%s", where, err, expr)
		}
	}
	exprs := 0
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			check(fmt.Sprintf("%s: %s, query %s", d.file, p.Title, target.RefID), target.Expr)
			exprs++
		}
	}
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		var asked struct{ Query string }
		if err := json.Unmarshal(v.Query, &asked); err != nil || asked.Query != v.Definition {
			t.Errorf("%s: variable %s asks %q and shows %q (%v)", d.file, v.Name, asked.Query, v.Definition, err)
		}
		inner, ok := strings.CutPrefix(v.Definition, "label_values(")
		selector, _, comma := cutLast(strings.TrimSuffix(inner, ")"), ", ")
		if !ok || !comma {
			t.Errorf("%s: variable %s must be label_values(selector, label) (got %s)", d.file, v.Name, v.Definition)
			continue
		}
		check(d.file+": variable "+v.Name, selector)
	}
	if exprs < 10 {
		t.Errorf("%s has only %d queries", d.file, exprs)
	}
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func withoutVariables(expr string) string {
	return grafanaVariable.ReplaceAllString(strings.ReplaceAll(expr, "$__rate_interval", "5m"), "x")
}

// limitsByTitle are the panels and columns that show a limit, and the limit of the policies that it is.
var limitsByTitle = map[string]string{
	"GC CPU": "gc_cpu_share", "GC CPU share": "gc_cpu_share",
	"Pause p99": "gc_pause_p99_seconds", "GC pause, 99th percentile": "gc_pause_p99_seconds",
	"Limit pressure":     "limit_pressure",
	"Live heap of limit": "heap_live_share", "Live heap of the memory limit": "heap_live_share",
	"Fastest map": "map_growth.min_rate", "At least": "map_growth.min_rate", "Certain growth": "map_growth.min_rate",
	"Retained": "map_growth.min_retained_share", "Doublings": "map_growth.min_doublings",
	"GC windows": "map_growth.min_windows", "Samples": "map_growth.min_samples",
}

// What is red on a dashboard is what the gate refuses.
func TestDashboardsShowThePoliciesLimits(t *testing.T) {
	var defaults struct {
		Limits map[string]any `yaml:"limits"`
	}
	readYAML(t, "../policies/data/defaults.yaml", &defaults)
	compared := 0
	check := func(where, title string, shown thresholds) {
		for _, step := range shown.Steps {
			if step.Value == nil {
				continue
			}
			path, known := limitsByTitle[title]
			if !known {
				if *step.Value != 1 { // one of something that should not be there at all
					t.Errorf("%s: limitsByTitle does not say what %v is", where, *step.Value)
				}
				continue
			}
			compared++
			if want := lookUp(t, defaults.Limits, path); *step.Value != want {
				t.Errorf("%s is red from %v, the limit %s is %v", where, *step.Value, path, want)
			}
		}
	}
	for _, d := range readDashboards(t) {
		for _, p := range d.Panels {
			check(d.file+": "+p.Title, p.Title, p.FieldConfig.Defaults.Thresholds)
			for _, o := range p.FieldConfig.Overrides {
				for _, property := range o.Properties {
					if property.ID != "thresholds" {
						continue
					}
					var shown thresholds
					if err := json.Unmarshal(property.Value, &shown); err != nil {
						t.Fatal(err)
					}
					check(fmt.Sprintf("%s: %s, column %s", d.file, p.Title, o.Matcher.Options), o.Matcher.Options, shown)
				}
			}
		}
	}
	if compared != 15 {
		t.Errorf("%d limits were compared, want 15", compared)
	}
}
