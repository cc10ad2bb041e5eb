// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"context"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// exceptionRule judges exceptions. Nothing excuses it.
const exceptionRule = "EXC-001"

// Excepted is by the id of a rule the name of the first exception, by name, that EXC-001 found to hold. With its mode dryrun none holds.
func Excepted(findings []Finding) map[string]string {
	excepted := map[string]string{}
	for _, f := range findings {
		valid, _ := f.Facts["valid"].(bool)
		name, _ := f.Facts["exception"].(string)
		rules, _ := f.Facts["rules"].([]any)
		if f.ID != exceptionRule || f.Kind != Warn || f.Mode == DryRun || !valid || name == "" {
			continue
		}
		for _, one := range rules {
			id, _ := one.(string)
			if first, taken := excepted[id]; id == "" || id == exceptionRule || taken && first <= name {
				continue
			}
			excepted[id] = name
		}
	}
	return excepted
}

// Exceptions judges exceptions where there is no evidence yet: workload is as in schemas/evidence.json, exceptions a list of what could
// be such as schemas/exception.json describes. It returns what EXC-001 says of each. Every error is an *EvalError.
func (p *Pack) Exceptions(ctx context.Context, workload, exceptions any, now time.Time) ([]Finding, error) {
	asked := p.gate
	// The schema of evidence asks for signals; this input has none, and of what the other rules say nothing is kept.
	asked.input = schema{term: ast.ObjectTerm()}
	input := map[string]any{"now": now.UTC().Format(time.RFC3339Nano), "workload": workload, "exceptions": exceptions}
	result, err := p.evaluate(ctx, asked, input, now)
	if err != nil {
		return nil, err
	}
	findings := []Finding{}
	for _, f := range result.Findings {
		if f.ID == exceptionRule {
			findings = append(findings, f)
		}
	}
	return findings, nil
}
