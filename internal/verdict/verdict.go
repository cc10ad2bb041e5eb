// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package verdict turns what the policy rules found into one of four verdicts and into sentences. It is pure: no clock, no
// network, no policy engine. The steps are:
//
//  1. nothing was evaluated, nothing found, nothing missing: error, because silence is not a pass;
//  2. any deny finding: fail;
//  3. any inconclusive finding, any finding of a kind this package does not know, any rule that should have spoken and did
//     not: inconclusive;
//  4. otherwise pass, with warnings if there are any.
//
// A finding of a rule in mode warn or dryrun, or of a rule that an exception names, becomes a reason that stops nothing (excuse.go).
// What the outcome would be without them is always computed too. Nothing excuses a rule that said nothing at all, or no rules at all.
//
// Every finding becomes a reason with a sentence (sentence.go); the summary is the first of them and fits a termination message.
package verdict

import (
	"cmp"
	"fmt"
	"slices"
)

// Outcome is the word of a verdict.
type Outcome string

// The four outcomes, from best to worst.
const (
	Pass         Outcome = "pass"
	Inconclusive Outcome = "inconclusive"
	Fail         Outcome = "fail"
	Error        Outcome = "error"
)

// Kind is what a finding means for the verdict.
type Kind string

// The kinds of findings.
const (
	KindDeny         Kind = "deny"
	KindInconclusive Kind = "inconclusive"
	KindWarn         Kind = "warn"

	// Of reasons alone: what would have stopped something, but for an exception or for the mode of its rule.
	KindExcepted Kind = "excepted"
	KindDryRun   Kind = "dryrun"
)

// Codes of reasons that do not come from a finding's facts.
const (
	CodeLimitExceeded = "limit_exceeded"
	CodeWarning       = "warning"
	CodeRuleMissing   = "rule_missing"
	CodeNoRules       = "no_rules"
	CodeEvidenceError = "evidence_error"
	CodeConfigError   = "config_error"
)

// Finding is what one rule says, as facts.
type Finding struct {
	Kind     Kind
	Rule     string // id, e.g. MAP-001
	Title    string
	Signal   string
	Severity string
	Target   string
	Value    *float64
	Limit    *float64
	Unit     string // UCUM: 1, s, By, By/s, {gc_cycle} ...
	Facts    map[string]any
	Mode     Mode // of its rule
}

// Input is all that a verdict is computed from.
type Input struct {
	Subject   string // the workload, as the user names it
	Findings  []Finding
	Missing   []string // ids of rules that should have spoken and did not
	Evaluated []string // ids of rules that were evaluated

	Excepted map[string]string // by the id of a rule, the name of the exception that excuses it
}

// Reason is one sentence of a verdict, with a code for programs.
type Reason struct {
	Code     string   `json:"code"`
	Kind     Kind     `json:"kind"`
	Rules    []string `json:"rules"`
	Severity string   `json:"severity,omitempty"`
	Signal   string   `json:"signal,omitempty"`
	Target   string   `json:"target,omitempty"`
	Text     string   `json:"text"`

	Exception string `json:"exception,omitempty"` // that excused it
}

// Verdict is the outcome with its reasons, the most telling first.
type Verdict struct {
	Outcome Outcome
	Summary string // one line of at most MaxSummary runes
	Reasons []Reason

	WouldBe Outcome // without exceptions and modes; empty if it was not decided here
}

// Decide computes the verdict. The order of its input does not matter.
func Decide(in Input) Verdict {
	if len(in.Evaluated) == 0 && len(in.Findings) == 0 && len(in.Missing) == 0 {
		return Failed(CodeNoRules, "no rule was evaluated; give policies that hold at least one rule")
	}
	reasons := reasonsOf(in)
	outcome := outcomeOf(reasons)
	return Verdict{
		Outcome: outcome, Summary: summarize(outcome, in, reasons), Reasons: reasons, WouldBe: outcomeOf(reasonsOf(unexcused(in))),
	}
}

func outcomeOf(reasons []Reason) Outcome {
	outcome := Pass
	for _, r := range reasons {
		switch r.Kind {
		case KindDeny:
			outcome = Fail
		case KindInconclusive:
			if outcome == Pass {
				outcome = Inconclusive
			}
		}
	}
	return outcome
}

// Failed is the verdict when there was nothing to decide on: the evidence or the configuration could not be had.
func Failed(code, text string) Verdict {
	return Verdict{
		Outcome: Error,
		Summary: cut(fmt.Sprintf("%s: %s", Error, text)),
		Reasons: []Reason{{Code: code, Kind: KindInconclusive, Rules: []string{}, Text: text}},
		WouldBe: Error,
	}
}

func reasonsOf(in Input) []Reason {
	findings := slices.Clone(in.Findings)
	slices.SortStableFunc(findings, telling)
	reasons := []Reason{}
	known := map[string]int{}
	add := func(r Reason, id string) {
		// Several rules say of one reading that it is absent: that is one sentence with several rules.
		key := string(r.Kind) + "\x00" + r.Text
		if at, ok := known[key]; ok {
			if !slices.Contains(reasons[at].Rules, id) {
				reasons[at].Rules = append(reasons[at].Rules, id)
				slices.Sort(reasons[at].Rules)
			}
			return
		}
		known[key] = len(reasons)
		r.Rules = []string{id}
		reasons = append(reasons, r)
	}
	for _, f := range findings {
		add(excuse(reasonOf(f), f, in.Excepted), f.Rule)
	}
	missing := slices.Clone(in.Missing)
	slices.Sort(missing)
	for _, id := range missing {
		add(Reason{Code: CodeRuleMissing, Kind: KindInconclusive, Text: fmt.Sprintf("rule %s could not be evaluated and said nothing", id)}, id)
	}
	slices.SortStableFunc(reasons, func(a, b Reason) int { return cmp.Compare(weight(a.Kind), weight(b.Kind)) })
	return reasons
}

func reasonOf(f Finding) Reason {
	r := Reason{Kind: f.Kind, Severity: f.Severity, Signal: f.Signal, Target: f.Target, Text: sentence(f)}
	switch f.Kind {
	case KindDeny:
		r.Code = CodeLimitExceeded
	case KindWarn:
		r.Code = cmp.Or(text(f.Facts, "reason"), CodeWarning)
	case KindInconclusive:
		r.Code = absence(f)
	default:
		r.Kind, r.Code = KindInconclusive, "malformed"
		r.Text = fmt.Sprintf("a finding has the unknown kind %q: %s", f.Kind, r.Text)
	}
	return r
}

func weight(k Kind) int {
	return slices.Index([]Kind{KindDeny, KindInconclusive, KindExcepted, KindWarn, KindDryRun}, k)
}

// telling puts first what a reader should act on: a warning of something before one of nothing, a named function before a symptom, then
// by severity, excess and name.
func telling(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(weight(a.Kind), weight(b.Kind)),
		cmp.Compare(idle(a), idle(b)),
		-cmp.Compare(named(a), named(b)),
		severityRank(a.Severity)-severityRank(b.Severity),
		cmp.Compare(a.Rule, b.Rule),
		-cmp.Compare(excess(a), excess(b)),
		cmp.Compare(a.Signal, b.Signal),
		cmp.Compare(a.Target, b.Target),
		cmp.Compare(fmt.Sprint(a.Facts), fmt.Sprint(b.Facts)),
	)
}

// idle holds for a warning that only says what could not be told.
func idle(f Finding) int {
	if f.Kind == KindWarn && text(f.Facts, "reason") != "" {
		return 1
	}
	return 0
}

func named(f Finding) int {
	if _, hasSite := firstSite(f.Facts); hasSite || text(f.Facts, "function") != "" {
		return 1
	}
	return 0
}

func severityRank(s string) int {
	if rank := slices.Index([]string{"critical", "high", "medium", "low", "info"}, s); rank >= 0 {
		return rank
	}
	return 5
}

func excess(f Finding) float64 {
	if f.Value == nil || f.Limit == nil || *f.Limit == 0 {
		return 0
	}
	return *f.Value / *f.Limit
}
