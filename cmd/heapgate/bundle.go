// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"

	opa "github.com/open-policy-agent/opa/v1/version"

	"github.com/heapgate/heapgate/internal/bundle"
	"github.com/heapgate/heapgate/internal/verdict"
	"github.com/heapgate/heapgate/internal/verdict/compare"
	"github.com/heapgate/heapgate/policies"
)

// errNothingMeasured says that a report decides nothing about evidence, such as that of a PreSync hook: there is nothing to bundle.
var errNothingMeasured = errors.New("nothing was measured, so there is no evidence to bundle")

// recordedDecision is decision.json.
type recordedDecision struct {
	Verdict  verdict.Outcome    `json:"verdict"`
	WouldBe  verdict.Outcome    `json:"would_be"` // without exceptions and modes
	Summary  string             `json:"summary"`
	Reasons  []verdict.Reason   `json:"reasons"`
	Findings []policies.Finding `json:"findings"`
	Policy   documentPolicy     `json:"policy"`
}

// recordedStats is stats.json: every number between the points and the outcomes of the comparison.
type recordedStats struct {
	Course   []string                  `json:"course"`   // which baseline was chosen and why
	Settings *compare.Settings         `json:"settings"` // null if nothing was compared
	Results  map[string]compare.Result `json:"results"`
}

// recordedEnvironment is environment.json. Nothing in it changes a verdict but by a mistake; it says where to look for one.
type recordedEnvironment struct {
	Heapgate string `json:"heapgate"`
	OPA      string `json:"opa"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Store    string `json:"store"` // without credentials

	Profiles []recordedProfile `json:"profiles,omitempty"` // that were given, in the order of the flags
}

// bundleOf makes of a report what is needed to derive its verdict again, without the store and without any credential.
func bundleOf(r report) (*bundle.Bundle, error) {
	if r.moment.Now.IsZero() || len(r.answers) == 0 && r.evidence == nil {
		return nil, errNothingMeasured
	}
	files, err := derived(r)
	if err != nil {
		return nil, err
	}
	tree, err := policyTree(r)
	if err != nil {
		return nil, fmt.Errorf("policies for the bundle: %w", err)
	}
	environment := recordedEnvironment{
		Heapgate: version(), OPA: opa.Version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Store: r.address,
		Profiles: recordProfiles(r.settings.profiles),
	}
	if files[bundle.Environment], err = indented(environment); err != nil {
		return nil, err
	}
	files[bundle.Policy] = tree
	for _, p := range r.settings.profiles {
		if p.kept() {
			files[bundle.Profile(p.content)] = p.content
		}
	}
	return bundle.New(files)
}

// derived are the files of a bundle that a replay makes again: the look's input, and what came of it.
func derived(r report) (map[string][]byte, error) {
	decision := recordedDecision{
		Verdict: r.verdict.Outcome, WouldBe: r.verdict.WouldBe, Summary: r.verdict.Summary, Reasons: append([]verdict.Reason{}, r.verdict.Reasons...),
		Findings: append([]policies.Finding{}, r.findings...), Policy: documentPolicy{Digest: r.judge.pack.Digest(), Rules: []string{}},
	}
	for _, rule := range r.judge.pack.Rules() {
		decision.Policy.Rules = append(decision.Policy.Rules, rule.ID)
	}
	documents := map[string]any{
		bundle.Settings: r.settings.recorded(), bundle.Moment: r.moment, bundle.Answers: recordAnswers(r.answers), bundle.Decision: decision,
	}
	if r.evidence != nil {
		documents[bundle.Input] = r.evidence
	}
	if r.evidence != nil && r.evidence.Comparison != nil {
		documents[bundle.Stats] = recordedStats{append([]string{}, r.course...), r.limits, r.results}
		documents[bundle.Sites] = append([]changedSite{}, r.evidence.Comparison.Sites...)
	}
	files := map[string][]byte{}
	for name, document := range documents {
		text, err := indented(document)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		files[name] = text
	}
	return files, nil
}

// indented is JSON in which < and & stay what they are: bundles are read by people too. Maps are in the order of their keys.
func indented(document any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	err := encoder.Encode(document)
	return out.Bytes(), err
}
