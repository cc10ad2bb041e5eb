// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// selector finds the one metric that is compared.
func (c *conversion) selector(node parser.Expr, q *datadogQuery) *parser.VectorSelector {
	switch e := strip(node).(type) {
	case *parser.VectorSelector:
		return e
	case *parser.Call:
		matrix, ok := e.Args[0].(*parser.MatrixSelector)
		if !ok || (e.Func.Name != "increase" && e.Func.Name != "rate") || q.limit != 0 || q.op != ">" {
			return nil
		}
		q.time, q.window, q.count = "sum", matrix.Range, true
		q.valueLost = q.valueLost || e.Func.Name == "rate"
		if c.rule.For != "" {
			c.lose("`for: " + c.rule.For + "`: one count within " + model.Duration(matrix.Range).String() + " is enough")
		}
		return matrix.VectorSelector.(*parser.VectorSelector)
	case *parser.BinaryExpr:
		if e.Op == parser.DIV {
			return c.share(e, q)
		}
		preferred, a := strip(e.LHS).(*parser.VectorSelector)
		second, b := strip(e.RHS).(*parser.VectorSelector)
		if e.Op == parser.LOR && a && b && preferred.Name == second.Name && slices.Equal(e.VectorMatching.MatchingLabels, []string{"heapgate_source"}) {
			c.lose("the preference among sources: the worst of them counts")
			return &parser.VectorSelector{Name: preferred.Name, LabelMatchers: preferred.LabelMatchers[len(preferred.LabelMatchers)-1:]}
		}
	}
	return nil
}

// share is a metric over another one that is not 0, process by process.
func (c *conversion) share(e *parser.BinaryExpr, q *datadogQuery) *parser.VectorSelector {
	below := strip(e.RHS)
	if guard, ok := below.(*parser.BinaryExpr); ok && guard.Op == parser.GTR {
		below = strip(guard.LHS)
	}
	divisor, ok := below.(*parser.VectorSelector)
	if !ok || len(divisor.LabelMatchers) != 1 {
		return nil
	}
	q.over = c.names[divisor.Name]
	return c.selector(e.LHS, q)
}

// window is the shortest of Datadog's windows that is not shorter.
func window(d time.Duration) time.Duration {
	for _, w := range []time.Duration{5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour} {
		if d <= w {
			return w
		}
	}
	return 24 * time.Hour
}

// filter puts the metric and its matchers into the query.
func (c *conversion) filter(selector *parser.VectorSelector, q *datadogQuery) bool {
	q.metric = c.names[selector.Name]
	for _, m := range selector.LabelMatchers {
		tag, known := c.tags[m.Name]
		if !known || strings.HasPrefix(q.metric, "heapgate_") {
			tag = m.Name
		}
		switch {
		case m.Name == model.MetricNameLabel && m.Type == labels.MatchRegexp:
			q.metric = strings.TrimSuffix(m.Value, "(_total)?")
		case m.Name == model.MetricNameLabel:
		case m.Type == labels.MatchEqual:
			q.filters = append(q.filters, tag+":"+m.Value)
		case m.Type == labels.MatchNotEqual:
			q.filters = append(q.filters, "NOT "+tag+":"+m.Value)
		case m.Type == labels.MatchRegexp:
			q.filters = append(q.filters, tag+" IN ("+strings.ReplaceAll(m.Value, "|", ",")+")")
		default:
			c.cannot("a label that does not match `" + m.Value + "`")
			return false
		}
	}
	if q.metric == "" || strings.ContainsAny(q.metric, "()?|*") {
		c.err = fmt.Errorf("no metadata.yaml has the metric %s", selector.String())
		return false
	}
	return true
}
