// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/heapgate/heapgate/internal/verdict"
	"github.com/heapgate/heapgate/policies"
)

// document is the report for programs. Its fields are an interface: they are added to, never renamed.
type document struct {
	Verdict  verdict.Outcome    `json:"verdict"`
	ExitCode int                `json:"exit_code"`
	Summary  string             `json:"summary"`
	Reasons  []verdict.Reason   `json:"reasons"`
	Findings []policies.Finding `json:"findings"` // facts, as the rules returned them
	Evidence *evidence          `json:"evidence"`
	Policy   documentPolicy     `json:"policy"`
	Store    documentStore      `json:"store"`
	Started  string             `json:"started"`
	Finished string             `json:"finished"`
	Hook     *hookDocument      `json:"hook,omitempty"`
	Explain  *explanation       `json:"explain,omitempty"`
}

type documentPolicy struct {
	Digest string   `json:"digest"`
	Rules  []string `json:"rules"`
}

type documentStore struct {
	URL      string     `json:"url"`
	Queries  []question `json:"queries"`
	Warnings []string   `json:"warnings"`
}

func (r report) asked() []question {
	all := []question{}
	for _, one := range r.answers {
		all = append(all, one.question)
	}
	return all
}

func (r report) json() ([]byte, error) {
	d := document{
		Verdict: r.verdict.Outcome, ExitCode: r.exitCode(), Summary: r.verdict.Summary, Reasons: r.verdict.Reasons, Evidence: r.evidence,
		Findings: append([]policies.Finding{}, r.findings...),
		Policy:   documentPolicy{Digest: r.judge.pack.Digest(), Rules: []string{}},
		Store:    documentStore{URL: r.address, Queries: r.asked(), Warnings: append([]string{}, r.warnings...)},
		Started:  r.started.UTC().Format(time.RFC3339),
		Finished: r.finished.UTC().Format(time.RFC3339),
		Hook:     r.hook,
		Explain:  r.explanation(),
	}
	for _, rule := range r.judge.pack.Rules() {
		d.Policy.Rules = append(d.Policy.Rules, rule.ID)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(d)
	return out.Bytes(), err
}
