// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"gopkg.in/yaml.v3"
)

// Every query that we ship names only metrics that there are, and only labels that their series have. A matcher on a label that
// nobody sets selects nothing, and an alert on it never fires.
func TestEveryQueryReadsExistingLabels(t *testing.T) {
	d := dictionary(t)
	queries := slices.Concat(ruleQueries(t), ruleTestSeries(t), dashboardQueries(t), runbookQueries(t))
	if len(queries) < 200 {
		t.Errorf("only %d queries were found", len(queries))
	}
	for _, q := range queries {
		for _, problem := range d.problems(q.expr, q.shown...) {
			t.Errorf("%s: %s\n\t%s", q.where, problem, q.expr)
		}
	}
}

// A query that is wrong in one way each, so that the test above can be believed.
func TestWrongQueriesAreFound(t *testing.T) {
	d := dictionary(t)
	for _, tc := range []struct{ expr, shown, want string }{
		{"heapgate_target_up", "instance", ""},
		{`sum by (k8s_node_name) (rate({__name__=~"otelcol_receiver_refused_metric_points(_total)?"}[5m]))`, "", "k8s_node_name"},
		{`sum by (receiver) (rate({__name__=~"otelcol_receiver_refused_metric_points(_total)?"}[5m]))`, "receiver", ""},
		{`{__name__=~"otelcol_receiver_refused_points(_total)?"}`, "", "no metric"},
		{`heapgate_target_upp`, "", "no metric"},
		{`container_cpu_cfs_throttled_periods_total{namespace="shop"}`, "", ""}, // not ours
		{`heapgate_target_up{namespace="shop"}`, "", "namespace"},
		{`heapgate_signal_map_sites{code_function_name!=""}`, "", "code_function_name"},
		{`max by (code_line_number) (heapgate_signal_map_samples)`, "", ""},
		{`max by (code_line) (heapgate_signal_map_samples)`, "", "code_line"},
		{`heapgate_signal_heap_live_bytes / ignoring (heapgate_source) heapgate_memory_limit_bytes`, "", ""},
		{`heapgate_signal_heap_live_bytes / ignoring (source) heapgate_memory_limit_bytes`, "", "source"},
		{`max by (job) (heapgate_target_up)`, "k8s_namespace_name", "k8s_namespace_name"},
	} {
		problems := strings.Join(d.problems(tc.expr, tc.shown), "; ")
		if (tc.want == "") != (problems == "") || !strings.Contains(problems, tc.want) {
			t.Errorf("%s shown by %q: got %q, want %q", tc.expr, tc.shown, problems, tc.want)
		}
	}
}

// query is an expression that we ship, with the labels that a legend or an annotation shows of its answer.
type query struct {
	where, expr string
	shown       []string
}

var (
	promql = parser.NewParser(parser.Options{})
	ours   = regexp.MustCompile(`^(heapgate|go_memory|go_goroutine|go_processor|otelcol)_`)
)

// problems tells what is wrong with an expression, and which of the labels shown its answer cannot have.
func (d *names) problems(expr string, shown ...string) []string {
	parsed, err := promql.ParseExpr(expr)
	if err != nil {
		return []string{err.Error()}
	}
	var all []string
	unknown := func(node parser.Node, what string, names ...string) {
		have, foreign, _ := d.labelsBelow(node)
		for _, name := range names {
			if name != "" && !foreign && !have[name] {
				all = append(all, fmt.Sprintf("%s the label %s, which its series do not have", what, name))
			}
		}
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			if _, _, problem := d.labelsBelow(n); problem != "" {
				all = append(all, problem)
			}
			for _, m := range n.LabelMatchers {
				if m.Name != model.MetricNameLabel {
					unknown(n, "matches", m.Name)
				}
			}
		case *parser.AggregateExpr:
			unknown(n.Expr, "groups by", n.Grouping...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				unknown(n, "joins by", n.VectorMatching.MatchingLabels...)
			}
		}
		return nil
	})
	if top, ok := parsed.(*parser.AggregateExpr); ok && !top.Without && top.Op != parser.TOPK {
		for _, name := range shown {
			if name != "" && !slices.Contains(top.Grouping, name) {
				all = append(all, "shows the label "+name+", which its answer does not have")
			}
		}
		return all
	}
	unknown(parsed, "shows", shown...)
	return all
}

// labelsBelow are the labels of all series that a node selects. foreign: some are of metrics that are not ours.
func (d *names) labelsBelow(node parser.Node) (have map[string]bool, foreign bool, problem string) {
	have = map[string]bool{}
	parser.Inspect(node, func(n parser.Node, _ []parser.Node) error {
		selector, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		matched := 0
		for _, m := range selector.LabelMatchers {
			if m.Name != model.MetricNameLabel {
				continue
			}
			for metric, its := range d.labels {
				if m.Matches(metric) {
					matched++
					for label := range its {
						have[label] = true
					}
				}
			}
			if matched == 0 && m.Type == labels.MatchEqual && !ours.MatchString(m.Value) {
				foreign = true
			} else if matched == 0 {
				problem = "there is no metric " + m.Value
			}
		}
		return nil
	})
	return have, foreign, problem
}

var annotationLabel = regexp.MustCompile(`\$labels\.(\w+)`)

type ruleFile struct {
	Groups []struct {
		Rules []struct {
			Alert, Record, Expr string
			Annotations         map[string]string
		}
	}
}

func ruleQueries(t *testing.T) (all []query) {
	t.Helper()
	var file, recording ruleFile
	decodeYAML(t, "../deploy/rules/heapgate.rules.yaml", &file)
	decodeYAML(t, "../deploy/rules/recording/heapgate-recording.rules.yaml", &recording)
	for _, g := range slices.Concat(file.Groups, recording.Groups) {
		for _, r := range g.Rules {
			q := query{where: "rule " + r.Alert + r.Record, expr: r.Expr}
			for _, text := range r.Annotations {
				for _, match := range annotationLabel.FindAllStringSubmatch(text, -1) {
					q.shown = append(q.shown, match[1])
				}
			}
			all = append(all, q)
		}
	}
	return all
}

// ruleTestSeries: a case that feeds a series which cannot come proves nothing.
func ruleTestSeries(t *testing.T) (all []query) {
	t.Helper()
	var file struct {
		Tests []struct {
			Name        string
			InputSeries []struct{ Series string } `yaml:"input_series"`
		}
	}
	decodeYAML(t, "../deploy/rules/heapgate.rules_test.yaml", &file)
	for _, test := range file.Tests {
		for _, s := range test.InputSeries {
			all = append(all, query{where: "rule test " + test.Name, expr: s.Series})
		}
	}
	return all
}

var (
	legendLabel  = regexp.MustCompile(`\{\{(\w+)\}\}`)
	labelValues  = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
	dashboardVar = regexp.MustCompile(`\$\{?\w+\}?`)
)

func dashboardQueries(t *testing.T) (all []query) {
	t.Helper()
	files, err := filepath.Glob("../deploy/dashboards/*.json")
	if err != nil {
		t.Fatal(err)
	}
	plain := func(expr string) string {
		return dashboardVar.ReplaceAllString(strings.ReplaceAll(expr, "$__rate_interval", "5m"), "x")
	}
	for _, file := range files {
		var board struct {
			Templating struct {
				List []struct{ Name, Type, Definition string }
			}
			Panels []struct {
				Title   string
				Targets []struct{ Expr, LegendFormat string }
			}
		}
		if err := json.Unmarshal([]byte(read(t, file)), &board); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, v := range board.Templating.List {
			if match := labelValues.FindStringSubmatch(v.Definition); match != nil {
				all = append(all, query{where: file + ", variable " + v.Name, expr: plain(match[1]), shown: match[2:]})
			} else if v.Type == "query" {
				t.Errorf("%s: variable %s is not label_values(selector, label)", file, v.Name)
			}
		}
		for _, p := range board.Panels {
			for _, target := range p.Targets {
				q := query{where: file + ", " + p.Title, expr: plain(target.Expr)}
				for _, match := range legendLabel.FindAllStringSubmatch(target.LegendFormat, -1) {
					q.shown = append(q.shown, match[1])
				}
				all = append(all, q)
			}
		}
	}
	return all
}

var (
	codeSpan  = regexp.MustCompile("`([^`\n]+)`")
	queryLike = regexp.MustCompile(`^(?:(sum|rate|increase|max|min|count)\b.*[({]|(heapgate|go_memory|go_processor|otelcol)_\w+( |\{|$))`)
)

// runbookQueries are the pieces of code in the runbooks that a person would paste into a query field.
func runbookQueries(t *testing.T) (all []query) {
	t.Helper()
	d := dictionary(t)
	for _, match := range codeSpan.FindAllStringSubmatch(read(t, "../docs/runbooks.md"), -1) {
		_, metric := d.labels[match[1]]
		if queryLike.MatchString(match[1]) && (metric || !d.known[match[1]]) { // not the name of a label
			all = append(all, query{where: "docs/runbooks.md", expr: match[1]})
		}
	}
	if len(all) < 15 {
		t.Errorf("docs/runbooks.md has only %d queries", len(all))
	}
	return all
}

func decodeYAML(t *testing.T, path string, out any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, path)), out); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
