// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

const (
	// subqueryStep is the step of a subquery that names none, like [1h:].
	subqueryStep = time.Minute
	workPerStep  = 100
	maxUnquoted  = 8192
)

// guard is Prometheus' engine with limits of its own, checked before the engine works.
//
//  1. Steps: for each subquery the engine allocates 16 bytes a step before it counts a sample. One count_over_time(up[100d:1ms])
//     takes 138 GB, and a Go process does not survive an allocation that fails. All subqueries of a query together may have as
//     many steps as a query may have samples.
//  2. Work: a function over a subquery goes through the subquery's range once for each point, and does not look at the context
//     before it is through with a series: 9,000 points over a million steps took 97 s in spite of a timeout of 40 s, and a shutdown
//     must wait for them. A hundred times max_samples is a few seconds.
//  3. Length: parser and engine need quadratic time for a nested expression and do not look at the context meanwhile; 60,000
//     minus signs take half a minute of both. What can nest is what is not quoted, so the long regular expressions of dashboards
//     do not count.
type guard struct {
	*promql.Engine
	maxSteps float64
}

// NewInstantQuery implements promql.QueryEngine.
func (g guard) NewInstantQuery(ctx context.Context, q storage.Queryable, opts promql.QueryOpts, text string, at time.Time) (promql.Query, error) {
	if err := checkLength(text); err != nil {
		return nil, err
	}
	query, err := g.Engine.NewInstantQuery(ctx, q, opts, text, at)
	if err != nil {
		return nil, err
	}
	return g.checkSteps(query), nil
}

// NewRangeQuery implements promql.QueryEngine.
func (g guard) NewRangeQuery(ctx context.Context, q storage.Queryable, opts promql.QueryOpts, text string, start, end time.Time, step time.Duration) (promql.Query, error) {
	if err := checkLength(text); err != nil {
		return nil, err
	}
	query, err := g.Engine.NewRangeQuery(ctx, q, opts, text, start, end, step)
	if err != nil {
		return nil, err
	}
	return g.checkSteps(query), nil
}

func (g guard) checkSteps(query promql.Query) promql.Query {
	statement, ok := query.Statement().(*parser.EvalStmt)
	if !ok {
		return query
	}
	span, points := float64(statement.End.UnixMilli()-statement.Start.UnixMilli()), 1.0
	if statement.Interval > 0 {
		points += span / float64(max(1, statement.Interval.Milliseconds()))
	}
	switch c := subqueryCost(statement.Expr, span, points); {
	case c.steps > g.maxSteps:
		return refusedQuery{Query: query, err: fmt.Errorf("the subqueries must have at most %.0f steps, as many as a query may have samples (got %.0f): take a longer step or a shorter range", g.maxSteps, c.steps)}
	case c.work > g.maxSteps*workPerStep:
		return refusedQuery{Query: query, err: fmt.Errorf("the functions over subqueries must read at most %.0f steps a series, %d times what a query may have samples (got %.0f): take longer steps or shorter ranges", g.maxSteps*workPerStep, workPerStep, c.work)}
	}
	return query
}

// checkLength counts the bytes of an expression that are in no string literal.
func checkLength(text string) error {
	unquoted, quote := 0, byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote == 0:
			unquoted++
			if c == '"' || c == '\'' || c == '`' {
				quote = c
			}
		case c == quote:
			quote = 0
		case c == '\\' && quote != '`':
			i++ // whatever is escaped does not end the literal
		}
	}
	if unquoted > maxUnquoted {
		return fmt.Errorf("the expression must have at most %d characters besides those in quotes (got %d)", maxUnquoted, unquoted)
	}
	return nil
}

// cost is what the subqueries of an expression cost: the steps they are evaluated at, and the steps that the functions over them read.
type cost struct{ steps, work float64 }

// subqueryCost sums the cost of all subqueries below a node that is evaluated at so many points over a span of milliseconds. A
// subquery's own expression is evaluated over the span and the subquery's range. Floats, because a sum of durations may exceed
// their type.
func subqueryCost(node parser.Node, span, points float64) cost {
	var sum cost
	switch n := node.(type) {
	case *parser.StepInvariantExpr: // evaluated once
		span, points = 0, 1
	case *parser.SubqueryExpr:
		step := float64(max(1, n.Step.Milliseconds()))
		if n.Step == 0 {
			step = float64(subqueryStep.Milliseconds())
		}
		window := float64(n.Range.Milliseconds())
		sum.work = points * window / step
		span += window
		points = span / step
		sum.steps = points
	}
	for child := range parser.ChildrenIter(node) {
		c := subqueryCost(child, span, points)
		sum.steps += c.steps
		sum.work += c.work
	}
	return sum
}

// refusedQuery fails as one that needs too many samples does: with the status 422 and the error type execution.
type refusedQuery struct {
	promql.Query
	err error
}

// Exec implements promql.Query.
func (q refusedQuery) Exec(context.Context) *promql.Result { return &promql.Result{Err: q.err} }
