// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heapgate/heapgate/internal/hooks"
	"github.com/heapgate/heapgate/policies"
)

type manifestOptions struct {
	strict    bool // warnings count
	holds     bool // what a rule cannot tell stops
	allowNone bool
	requireGo bool // what is not known to be Go is open
}

// manifestFinding is what one rule says of one object. Its fields are an interface: they are added to, never renamed.
type manifestFinding struct {
	policies.Finding
	Title    string `json:"title"`
	Object   string `json:"object"` // KIND NAMESPACE/NAME
	File     string `json:"file"`
	Document int    `json:"document"` // of the file, from 1
	Line     int    `json:"line"`
	Text     string `json:"text"`
	Want     string `json:"want"`
	Docs     string `json:"docs,omitempty"`

	withoutGo bool   // it says that no container is known to be Go
	counts    string // error, unsettled, warning or note
	index     int    // of the object
}

// The meanings of a finding, after tier, mode and --strict.
const (
	countsError     = "error"
	countsUnsettled = "unsettled"
	countsWarning   = "warning"
	countsNote      = "note"
)

// manifestReport is everything that the outputs say.
type manifestReport struct {
	ExitCode     int               `json:"exit_code"`
	Policies     string            `json:"policies"` // digest
	Findings     []manifestFinding `json:"findings"`
	Denied       int               `json:"denied"`
	Inconclusive int               `json:"inconclusive"` // that stop
	Warnings     int               `json:"warnings"`
	Notes        int               `json:"notes"` // of rules in the mode dryrun
	More         int               `json:"more"`  // findings beyond the listed ones, counted only
	Objects      int               `json:"objects"`
	Workloads    int               `json:"workloads"`
	WithoutGo    int               `json:"without_go"` // workloads in which no container is known to be a Go program: nothing of them was judged

	rules  []policies.Rule
	docs   map[string]string
	judged []hooks.Object
}

// judgeManifests asks all rules about every workload. An error is one of the policies, or of an object that is none of Kubernetes'.
func (j *judge) judgeManifests(ctx context.Context, objects []hooks.Object, options manifestOptions, now time.Time) (*manifestReport, error) {
	r := &manifestReport{Policies: j.pack.Digest(), Findings: []manifestFinding{}, Objects: len(objects), rules: j.pack.ManifestRules(), docs: j.docs()}
	related, err := j.relations(ctx, objects, now)
	if err != nil {
		return nil, err
	}
	modes := j.pack.Modes(now)
	for _, o := range objects {
		if !isWorkload(o) {
			continue
		}
		result, err := j.askManifest(ctx, o, related, now)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %s: %w", o.File, o.Line, called(o), err)
		}
		for _, id := range result.Missing {
			result.Findings = append(result.Findings, silence(j.rules[id], modes[id]))
		}
		for _, f := range result.Findings {
			made := j.manifestFinding(f, o, len(r.judged))
			made.Docs = r.docs[f.ID]
			r.add(made, options)
		}
		r.judged = append(r.judged, o)
	}
	r.Workloads = len(r.judged)
	r.finish(options)
	return r, nil
}

func (j *judge) askManifest(ctx context.Context, o hooks.Object, related *relations, now time.Time) (policies.Result, error) {
	value, err := o.Value()
	if err != nil {
		return policies.Result{}, err
	}
	if related != nil {
		value["related"] = related.of(o, value)
	}
	return j.pack.EvaluateManifest(ctx, value, now)
}

// silence is the finding for a rule that said nothing at all, which is no pass.
func silence(rule policies.Rule, mode policies.Mode) policies.Finding {
	return policies.Finding{
		Kind: policies.Inconclusive, ID: rule.ID, Signal: rule.Signal, Severity: rule.Severity, Facts: map[string]any{"reason": "rule_missing"}, Mode: mode,
	}
}

func (j *judge) manifestFinding(f policies.Finding, o hooks.Object, index int) manifestFinding {
	rule := j.rules[f.ID]
	made := manifestFinding{
		Finding: f, Title: rule.Title, Object: called(o), File: o.File, Document: o.Document, Line: lineOf(o, f), Want: rule.Solution, index: index,
	}
	// The verdict's own sentence for this one finding.
	if reasons := j.decide(made.Object, policies.Result{Findings: []policies.Finding{f}}).Reasons; len(reasons) > 0 {
		made.Text = reasons[0].Text
	}
	if saysNobodyIsGo(f) {
		made.aboutNoGo()
	}
	return made
}

// meaning is what a finding does here: its kind, changed by the mode of its rule, then by the tier, then by --strict.
func meaning(f policies.Finding, options manifestOptions) string {
	switch {
	case f.Mode == policies.DryRun:
		return countsNote
	case f.Mode == policies.Caution || f.Kind == policies.Warn || f.Kind == policies.Inconclusive && !options.holds:
		if options.strict {
			return countsError
		}
		return countsWarning
	case f.Kind == policies.Deny:
		return countsError
	}
	return countsUnsettled // what is not known stops
}

func (r *manifestReport) add(f manifestFinding, options manifestOptions) {
	f.counts = meaning(f.Finding, options)
	if f.withoutGo {
		r.WithoutGo++
		f.counts = meaningOfNoGo(options)
	}
	switch {
	case f.withoutGo && f.counts == countsNote:
	case f.withoutGo && f.counts == countsUnsettled:
		r.Inconclusive++
	case f.withoutGo:
		r.Warnings++
	case f.Mode == policies.DryRun:
		r.Notes++
	case f.counts == countsUnsettled:
		r.Inconclusive++
	case f.Kind == policies.Deny && f.Mode != policies.Caution:
		r.Denied++
	default:
		r.Warnings++
	}
	r.Findings = append(r.Findings, f)
}

func (r *manifestReport) finish(options manifestOptions) {
	slices.SortStableFunc(r.Findings, func(a, b manifestFinding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.ID, b.ID))
	})
	if r.More = max(0, len(r.Findings)-hooks.MaxFindings); r.More > 0 {
		r.Findings = r.Findings[:hooks.MaxFindings]
	}
	switch {
	case r.Denied > 0 || options.strict && r.Warnings > 0:
		r.ExitCode = exitFail
	case r.Inconclusive > 0 || r.Workloads == 0 && !options.allowNone:
		r.ExitCode = exitInconclusive
	}
}

// docsPage is where the pages of our rules are.
const docsPage = "https://github.com/heapgate/heapgate/blob/main/policies/docs/"

// docs are the pages of the rules that come with heapgate; somebody else's have none there.
func (j *judge) docs() map[string]string {
	pages := map[string]string{}
	for _, rule := range j.pack.ManifestRules() {
		for _, prefix := range []string{"GOMEM-", "IMAGE-"} {
			if strings.HasPrefix(rule.ID, prefix) {
				pages[rule.ID] = docsPage + rule.ID + ".md"
			}
		}
	}
	return pages
}

// tierHolds says whether what a rule cannot tell stops a workload of the tier. Without a tier it does.
func (j *judge) tierHolds(name string) (bool, error) {
	if name == "" {
		return true, nil
	}
	tier, err := j.pack.Tier(name)
	if err != nil {
		return true, fmt.Errorf("--tier: %w", err)
	}
	return tier.Inconclusive != "warn", nil
}

// called is KIND NAMESPACE/NAME.
func called(o hooks.Object) string {
	name := o.Name
	if o.Namespace != "" {
		name = o.Namespace + "/" + name
	}
	return strings.TrimSpace(o.Kind + " " + name)
}
