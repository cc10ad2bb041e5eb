// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// Evaluate judges the evidence, any value whose JSON fits schemas/evidence.json, as of now. Every error is an *EvalError.
// A result with Missing rules is no pass.
func (p *Pack) Evaluate(ctx context.Context, evidence any, now time.Time) (Result, error) {
	return p.evaluate(ctx, p.gate, evidence, now)
}

// EvaluateManifest judges a Kubernetes object decoded from JSON, of a kind that schemas/manifest.json names, by the rules below manifest.
// Every error is an *EvalError; a pack without such rules is one. A result with Missing rules is no pass.
func (p *Pack) EvaluateManifest(ctx context.Context, object any, now time.Time) (Result, error) {
	if len(p.manifest.rules) == 0 {
		return Result{}, &EvalError{Err: errors.New("manifest: the pack has no rules below manifest/; without rules everything would pass")}
	}
	return p.evaluate(ctx, p.manifest, object, now)
}

func (p *Pack) evaluate(ctx context.Context, asked room, given any, now time.Time) (result Result, err error) {
	defer func() {
		// OPA panics on numbers that are none; a broken rule must not take the gate down with it.
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
		if err != nil {
			result, err = Result{}, &EvalError{Err: err}
		}
	}()
	document, err := normalise(given)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", asked.name, err)
	}
	input, err := ast.InterfaceToValue(document)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", asked.name, err)
	}
	if _, ok := input.(ast.Object); !ok {
		return Result{}, fmt.Errorf("%s: want an object, got %s", asked.name, ast.ValueName(input))
	}
	if err := asked.input.check(asked.name, input); err != nil {
		return Result{}, err
	}
	decision, err := p.decide(ctx, asked.query, input, now)
	if err != nil {
		return Result{}, err
	}
	return asked.collect(decision, func(rule Rule) Mode { return p.mode(rule, now) })
}

// decide runs the query until the deadline. Absent documents make the whole decision undefined, which is an error.
func (p *Pack) decide(ctx context.Context, query preparedQuery, input ast.Value, now time.Time) (any, error) {
	prepared, err := query()
	if err != nil {
		return nil, err
	}
	late := fmt.Errorf("the rules did not end within %s", p.deadline)
	ctx, cancel := context.WithTimeoutCause(ctx, p.deadline, late)
	defer cancel()
	set, err := prepared.Eval(ctx, rego.EvalParsedInput(input), rego.EvalTime(now), rego.EvalSortSets(true))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, errors.Join(context.Cause(ctx), err)
	case err != nil:
		return nil, err
	case len(set) != 1 || len(set[0].Expressions) != 1:
		return nil, fmt.Errorf("the decision is undefined: want one result, got %d", len(set))
	}
	return set[0].Expressions[0].Value, nil
}
