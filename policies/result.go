// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

// Kind says what a finding means for the verdict.
type Kind string

const (
	Deny         Kind = "deny"         // a real number beyond its limit
	Inconclusive Kind = "inconclusive" // nothing to judge by; facts.reason says why
	Warn         Kind = "warn"
)

// Finding is what one rule says of the workload, as facts.
type Finding struct {
	Kind     Kind           `json:"kind"`
	ID       string         `json:"id"`
	Signal   string         `json:"signal"`
	Severity string         `json:"severity"`
	Target   string         `json:"target"`
	Value    *float64       `json:"value"` // nil: there is none
	Limit    *float64       `json:"limit"`
	Unit     string         `json:"unit"` // UCUM
	Facts    map[string]any `json:"facts"`
	Mode     Mode           `json:"mode,omitempty"` // of its rule, "" is Enforce; it changes nothing of the rest
}

// Result is what all rules that were asked say. Every rule is in Findings, Evaluated (both sorted) or Missing.
type Result struct {
	Findings  []Finding `json:"findings"`
	Evaluated []string  `json:"evaluated"`
	Missing   []string  `json:"missing"`
}

// document is the sets of one package as the query returns them.
type document struct {
	Checks       []string `json:"checks"`
	Deny         []found  `json:"deny"`
	Warn         []found  `json:"warn"`
	Inconclusive []found  `json:"inconclusive"`
}

// found is a finding as a rule writes it. msg is the rule's constant failure_msg, which conftest insists on.
type found struct {
	Finding
	Message string `json:"msg"`
}

// collect reads the decision strictly: a rule may only speak for itself, and in the words of found.
func (r room) collect(decision any, mode func(Rule) Mode) (Result, error) {
	documents, err := decodeDecision(decision)
	if err != nil {
		return Result{}, err
	}
	result := Result{Findings: []Finding{}, Evaluated: []string{}, Missing: []string{}}
	for _, rule := range r.rules {
		said := documents[rule.Package]
		for _, id := range said.Checks {
			if id != rule.ID {
				return Result{}, fmt.Errorf("package %s: want its own id %s in checks, got %q", rule.Package, rule.ID, id)
			}
			result.Evaluated = append(result.Evaluated, id)
		}
		before := len(result.Findings)
		for kind, founds := range map[Kind][]found{Deny: said.Deny, Warn: said.Warn, Inconclusive: said.Inconclusive} {
			for _, f := range founds {
				if f.ID != rule.ID || f.Signal == "" {
					return Result{}, fmt.Errorf("package %s: want findings with its own id %s and a signal, got id %q and signal %q",
						rule.Package, rule.ID, f.ID, f.Signal)
				}
				if f.Mode != "" {
					return Result{}, fmt.Errorf("package %s: a rule has no say in its mode; it is in limits.modes (got %q)", rule.Package, f.Mode)
				}
				f.Kind, f.Mode = kind, shown(mode(rule))
				result.Findings = append(result.Findings, f.Finding)
			}
		}
		if len(said.Checks) == 0 && len(result.Findings) == before {
			result.Missing = append(result.Missing, rule.ID)
		}
	}
	return result, sortFindings(result.Findings)
}

// shown leaves out the mode that goes without saying.
func shown(mode Mode) Mode {
	if mode == Enforce {
		return ""
	}
	return mode
}

func decodeDecision(decision any) (map[string]document, error) {
	text, err := json.Marshal(decision)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var documents map[string]document
	if err := decoder.Decode(&documents); err != nil {
		return nil, fmt.Errorf("a rule returned something that is no finding: %w", err)
	}
	return documents, nil
}

// sortFindings orders by kind (deny, inconclusive, warn), id, signal, target and at last by everything else.
func sortFindings(findings []Finding) error {
	type keyed struct {
		Finding
		text []byte
	}
	sorted := make([]keyed, len(findings))
	for i, f := range findings {
		text, err := json.Marshal(f)
		if err != nil {
			return err
		}
		sorted[i] = keyed{f, text}
	}
	slices.SortFunc(sorted, func(a, b keyed) int {
		return cmp.Or(
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Signal, b.Signal), cmp.Compare(a.Target, b.Target),
			bytes.Compare(a.text, b.text),
		)
	})
	for i, f := range sorted {
		findings[i] = f.Finding
	}
	return nil
}
