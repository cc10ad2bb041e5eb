// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/heapgate/heapgate/internal/verdict"
	"github.com/heapgate/heapgate/policies"
)

// judge is where the policies meet the verdict: the only file that knows both.
type judge struct {
	pack  *policies.Pack
	rules map[string]policies.Rule
}

// policySource says where the policies come from: a directory, or a signed bundle with the public key that it was signed for. The zero
// value is the embedded ones.
type policySource struct {
	directory   string
	bundle, key []byte // the tarball, and a P-256 public key in PEM
}

func (s policySource) load(limits map[string]any) (*policies.Pack, error) {
	switch {
	case s.directory != "" && s.bundle != nil:
		return nil, errors.New("policies are a directory or a bundle, not both")
	case s.bundle != nil:
		return policies.LoadBundle(s.bundle, s.key, limits)
	case s.directory == "":
		return policies.Load(policies.Embedded(), limits)
	}
	info, err := os.Stat(s.directory)
	if err != nil {
		return nil, fmt.Errorf("--policies: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("--policies must be a directory (got the file %s)", s.directory)
	}
	return policies.Load(os.DirFS(s.directory), limits)
}

// newJudge loads the policies of the source with limits that replace single ones.
func newJudge(source policySource, limits map[string]any) (*judge, error) {
	pack, err := source.load(limits)
	if err != nil {
		return nil, err
	}
	j := &judge{pack: pack, rules: map[string]policies.Rule{}}
	for _, rule := range slices.Concat(pack.Rules(), pack.ManifestRules()) {
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
	return j.decide(subject, result), result.Findings, nil
}

// judgeManifest evaluates the manifest rules on a Kubernetes object decoded from JSON; an error is one of the policies or of the object.
func (j *judge) judgeManifest(ctx context.Context, subject string, object map[string]any, now time.Time) (verdict.Verdict, []policies.Finding, error) {
	result, err := j.pack.EvaluateManifest(ctx, object, now)
	if err != nil {
		return verdict.Verdict{}, nil, err
	}
	return j.decide(subject, result), result.Findings, nil
}

func (j *judge) decide(subject string, result policies.Result) verdict.Verdict {
	in := verdict.Input{Subject: subject, Missing: result.Missing, Evaluated: result.Evaluated, Excepted: policies.Excepted(result.Findings)}
	for _, f := range result.Findings {
		in.Findings = append(in.Findings, verdict.Finding{
			Kind: verdict.Kind(f.Kind), Rule: f.ID, Title: j.rules[f.ID].Title, Signal: f.Signal, Severity: f.Severity, Target: f.Target,
			Value: f.Value, Limit: f.Limit, Unit: f.Unit, Facts: f.Facts, Mode: verdict.Mode(f.Mode),
		})
	}
	return verdict.Decide(in)
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
