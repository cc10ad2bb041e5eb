// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/heapgate/heapgate/internal/verdict"
	"github.com/heapgate/heapgate/policies"
)

// judge is where the policies meet the verdict: the only file that knows both.
type judge struct {
	pack  *policies.Pack
	rules map[string]policies.Rule
}

// newJudge loads the policies of a directory, or the embedded ones for "".
func newJudge(directory string, limits map[string]any) (*judge, error) {
	files := policies.Embedded()
	if directory != "" {
		info, err := os.Stat(directory)
		if err != nil {
			return nil, fmt.Errorf("--policies: %w", err)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("--policies must be a directory (got the file %s)", directory)
		}
		files = os.DirFS(directory)
	}
	pack, err := policies.Load(files, limits)
	if err != nil {
		return nil, err
	}
	j := &judge{pack: pack, rules: map[string]policies.Rule{}}
	for _, rule := range pack.Rules() {
		j.rules[rule.ID] = rule
	}
	return j, nil
}

// judge evaluates the rules; an error is one of the policies, not of the evidence.
func (j *judge) judge(ctx context.Context, subject string, facts evidence, now time.Time) (verdict.Verdict, []policies.Finding, error) {
	result, err := j.pack.Evaluate(ctx, facts, now)
	if err != nil {
		return verdict.Verdict{}, nil, err
	}
	in := verdict.Input{Subject: subject, Missing: result.Missing, Evaluated: result.Evaluated}
	for _, f := range result.Findings {
		in.Findings = append(in.Findings, verdict.Finding{
			Kind: verdict.Kind(f.Kind), Rule: f.ID, Title: j.rules[f.ID].Title, Signal: f.Signal, Severity: f.Severity, Target: f.Target,
			Value: f.Value, Limit: f.Limit, Unit: f.Unit, Facts: f.Facts,
		})
	}
	return verdict.Decide(in), result.Findings, nil
}

// limit is one number of the limits that judge; nil if the policies have no such limit.
func (j *judge) limit(path ...string) *float64 {
	value, ok := j.pack.Limit(path...)
	if !ok {
		return nil
	}
	return &value
}

// minWindows is how many windows a claim about maps needs, for the progress line.
func (j *judge) minWindows() *float64 { return j.limit("evidence", "min_windows") }
