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
// Every finding becomes a reason with a sentence (sentence.go); the summary is the first of them and fits a termination message.
package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
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
}

// Input is all that a verdict is computed from.
type Input struct {
	Subject   string // the workload, as the user names it
	Findings  []Finding
	Missing   []string // ids of rules that should have spoken and did not
	Evaluated []string // ids of rules that were evaluated
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
}

// Verdict is the outcome with its reasons, the most telling first.
type Verdict struct {
	Outcome Outcome
	Summary string // one line of at most MaxSummary runes
	Reasons []Reason
}

// MaxSummary is the length of a summary in runes: it goes into termination messages and check lines.
const MaxSummary = 300

// Decide computes the verdict. The order of its input does not matter.
func Decide(in Input) Verdict {
	if len(in.Evaluated) == 0 && len(in.Findings) == 0 && len(in.Missing) == 0 {
		return Failed(CodeNoRules, "no rule was evaluated; give policies that hold at least one rule")
	}
	reasons := reasonsOf(in)
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
	return Verdict{Outcome: outcome, Summary: summarize(outcome, in, reasons), Reasons: reasons}
}

// Failed is the verdict when there was nothing to decide on: the evidence or the configuration could not be had.
func Failed(code, text string) Verdict {
	return Verdict{
		Outcome: Error,
		Summary: cut(fmt.Sprintf("%s: %s", Error, text)),
		Reasons: []Reason{{Code: code, Kind: KindInconclusive, Rules: []string{}, Text: text}},
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
		add(reasonOf(f), f.Rule)
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
		r.Code = CodeWarning
	case KindInconclusive:
		r.Code = absence(f)
	default:
		r.Kind, r.Code = KindInconclusive, "malformed"
		r.Text = fmt.Sprintf("a finding has the unknown kind %q: %s", f.Kind, r.Text)
	}
	return r
}

func weight(k Kind) int { return slices.Index([]Kind{KindDeny, KindInconclusive, KindWarn}, k) }

// telling puts first what a reader should act on: a named function before a symptom, then by severity, excess and name.
func telling(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(weight(a.Kind), weight(b.Kind)),
		-cmp.Compare(named(a), named(b)),
		severityRank(a.Severity)-severityRank(b.Severity),
		cmp.Compare(a.Rule, b.Rule),
		-cmp.Compare(excess(a), excess(b)),
		cmp.Compare(a.Signal, b.Signal),
		cmp.Compare(a.Target, b.Target),
		cmp.Compare(fmt.Sprint(a.Facts), fmt.Sprint(b.Facts)),
	)
}

func named(f Finding) int {
	if text(f.Facts, "function") != "" {
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

func summarize(outcome Outcome, in Input, reasons []Reason) string {
	if outcome == Pass {
		holds := "hold"
		if len(in.Evaluated) == 1 {
			holds = "holds"
		}
		text := fmt.Sprintf("%s: %s %s for %s", outcome, count(len(in.Evaluated), "rule"), holds, in.Subject)
		if len(reasons) > 0 {
			text += fmt.Sprintf(", with %s: %s", count(len(reasons), "warning"), tagged(reasons[0]))
		}
		return cut(text)
	}
	text, more := fmt.Sprintf("%s: %s", outcome, tagged(reasons[0])), 0
	for _, r := range reasons[1:] {
		if r.Kind == reasons[0].Kind {
			more++
		}
	}
	if more == 0 {
		return cut(text)
	}
	tail := fmt.Sprintf("; and %d more", more)
	return cutTo(text, MaxSummary-len(tail)) + tail
}

func tagged(r Reason) string { return fmt.Sprintf("%s [%s]", r.Text, strings.Join(r.Rules, ", ")) }

func cut(s string) string { return cutTo(s, MaxSummary) }

func cutTo(s string, limit int) string {
	if runes := []rune(s); len(runes) > limit {
		return string(runes[:limit-3]) + "..."
	}
	return s
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
