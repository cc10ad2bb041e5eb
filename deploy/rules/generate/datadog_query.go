// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// datadogQuery is time(last_window):space:metric{filter} by {tags} op limit, or metric over another one of the same process.
type datadogQuery struct {
	time, space, metric string
	over                string // the metric to divide by
	window              time.Duration
	filters, by         []string
	count               bool
	op                  string
	limit               float64
	tags                map[string]string // tag of each label in by
	valueLost           bool              // its value is not that of the alert
}

func (q datadogQuery) String() string {
	filter, asCount := "*", ""
	if len(q.filters) > 0 {
		filter = strings.Join(q.filters, " AND ")
	}
	if q.count {
		asCount = ".as_count()"
	}
	by, divided := strings.Join(q.by, ","), ""
	if q.over != "" {
		divided = fmt.Sprintf(" / %s:%s{*} by {%s}", q.space, q.over, by)
	}
	return fmt.Sprintf("%s(last_%s):%s:%s{%s} by {%s}%s%s %s %v", q.time, model.Duration(q.window), q.space, q.metric, filter, by, asCount, divided, q.op, q.limit)
}

// queries says an alert as queries of which any may hold, and what of it they do not say.
func (m *metrics) queries(r rule) (all []datadogQuery, lost []string, err error) {
	parsed, err := promql.ParseExpr(r.Expr)
	if err != nil {
		return nil, nil, err
	}
	c := conversion{metrics: m, rule: r}
	c.top(parsed)
	if len(c.queries) > 0 && r.KeepFiringFor != "" {
		c.lose("`keep_firing_for: " + r.KeepFiringFor + "`: it resolves at once")
	}
	switch {
	case c.err != nil:
	case len(c.queries) == 0:
		c.lost = []string{"**not written**: " + strings.Join(c.lost, "; ")}
	case c.missing:
		c.lose("the rest of the alert **is not written**")
	}
	return c.queries, c.lost, c.err
}

// conversion collects while an expression is walked.
type conversion struct {
	*metrics
	rule    rule
	queries []datadogQuery
	lost    []string
	missing bool // a part has no query
	err     error
}

func (c *conversion) lose(what string) {
	if !slices.Contains(c.lost, what) {
		c.lost = append(c.lost, what)
	}
}

func (c *conversion) cannot(why string) {
	c.missing = true
	c.lose(why)
}

// top walks what stands outside of an aggregation.
func (c *conversion) top(node parser.Expr) {
	switch e := strip(node).(type) {
	case *parser.AggregateExpr:
		c.conditions(e.Expr, e, false)
		return
	case *parser.BinaryExpr:
		number, compared := strip(e.RHS).(*parser.NumberLiteral)
		aggregated, ok := strip(e.LHS).(*parser.AggregateExpr)
		switch {
		case e.Op == parser.LOR:
			c.top(e.LHS)
			c.top(e.RHS)
			return
		case e.Op.IsComparisonOperator() && compared && ok:
			c.compare(aggregated.Expr, e.Op, number.Val, aggregated, false)
			return
		}
	}
	c.cannot(reason(node))
}

// conditions walks what stands inside of an aggregation.
func (c *conversion) conditions(node parser.Expr, over *parser.AggregateExpr, valueLost bool) {
	if e, ok := strip(node).(*parser.BinaryExpr); ok {
		number, compared := strip(e.RHS).(*parser.NumberLiteral)
		switch {
		case e.Op == parser.LOR:
			c.conditions(e.LHS, over, valueLost)
			c.conditions(e.RHS, over, valueLost)
			return
		case e.Op == parser.LAND && isValue(e.LHS): // the left side only lends its value
			c.conditions(e.RHS, over, true)
			return
		case e.Op == parser.MUL && compared:
			c.conditions(e.LHS, over, true)
			return
		case e.Op.IsComparisonOperator() && compared:
			c.compare(e.LHS, e.Op, number.Val, over, valueLost)
			return
		}
	}
	c.cannot(reason(node))
}

// isValue tells whether an expression is a metric without a condition.
func isValue(node parser.Expr) bool {
	switch e := strip(node).(type) {
	case *parser.VectorSelector:
		return true
	case *parser.Call:
		return e.Func.Name == "abs" && isValue(e.Args[0])
	}
	return false
}

func reason(node parser.Expr) string {
	why := ""
	parser.Inspect(node, func(n parser.Node, _ []parser.Node) error {
		switch e := n.(type) {
		case *parser.BinaryExpr:
			switch {
			case why != "":
			case e.Op == parser.LUNLESS:
				why = "a condition that something else excludes (`unless`)"
			case e.Op == parser.LAND:
				why = "conditions that must hold together (`and`)"
			case e.Op.IsComparisonOperator() || e.Op == parser.DIV || e.Op == parser.SUB:
				why = "two metrics set against each other"
			}
		case *parser.Call:
			if why == "" {
				why = "the function `" + e.Func.Name + "` of time"
			}
		}
		return nil
	})
	return why
}

// compare makes the query of one comparison.
func (c *conversion) compare(node parser.Expr, op parser.ItemType, limit float64, over *parser.AggregateExpr, valueLost bool) {
	waits := durationOf(c.rule.For)
	q := datadogQuery{window: window(waits), space: over.Op.String(), limit: limit, tags: map[string]string{}, valueLost: valueLost}
	if waits > 0 && q.window != waits {
		c.lose("`for: " + c.rule.For + "` becomes " + model.Duration(q.window).String())
	}
	if valueLost { // the aggregation only chooses among values
		q.space = "max"
		c.lose("the number in its text")
	}
	switch {
	case op == parser.GTR && q.space != "min":
		q.op, q.time = ">", "min"
	case op == parser.EQLC && limit == 1 && q.space == "max":
		q.op, q.time = ">=", "min"
	case op == parser.LSS && q.space == "min":
		q.op, q.time = "<", "max"
	case op == parser.EQLC && limit == 0 && q.space == "min":
		q.op, q.time = "<=", "max"
	case op == parser.EQLC && limit == 0 && q.space == "count":
		q.op, q.time, q.space, q.valueLost = "<=", "max", "min", true
		c.lose("how many there are")
	default:
		c.cannot("a comparison by `" + op.String() + "` under `" + q.space + "`")
		return
	}
	selector := c.selector(node, &q)
	if selector == nil {
		c.cannot(reason(node))
		return
	}
	if c.filter(selector, &q) {
		if q.over != "" {
			q.by = append(q.by, c.tags["instance"])
		}
		for _, label := range over.Grouping {
			tag, ok := c.tags[label]
			if !ok || strings.HasPrefix(q.metric, "heapgate_") { // it came in Prometheus' format, with Prometheus' labels
				tag = label
			}
			q.by, q.tags[label] = append(q.by, tag), tag
		}
		if !slices.ContainsFunc(c.queries, func(had datadogQuery) bool { return had.String() == q.String() }) {
			c.queries = append(c.queries, q)
		}
	}
}

func strip(node parser.Expr) parser.Expr {
	for {
		paren, ok := node.(*parser.ParenExpr)
		if !ok {
			return node
		}
		node = paren.Expr
	}
}
