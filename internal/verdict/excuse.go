// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import "slices"

// Mode is what the findings of a rule may do. Any other word is as good as Enforce.
type Mode string

// The modes of a rule.
const (
	Enforce Mode = "enforce" // they decide; so does the empty mode
	Caution Mode = "warn"    // what would stop something warns
	DryRun  Mode = "dryrun"  // they are said and stop nothing
)

// What a reason begins with that would have stopped something.
const (
	wouldFail         = "would have failed: "
	wouldInconclusive = "would be inconclusive: "
	wouldWarn         = "would have warned: "
)

// excuse turns the reason of a finding into one that stops nothing, if the mode of its rule or an exception says so. A mode that stops
// nothing anyway uses no exception up. A finding of a kind unknown here is broken, which nothing excuses.
func excuse(r Reason, f Finding, excepted map[string]string) Reason {
	exception, isExcepted := excepted[f.Rule]
	stops := r.Kind == KindDeny || r.Kind == KindInconclusive
	switch {
	case !slices.Contains([]Kind{KindDeny, KindInconclusive, KindWarn}, f.Kind):
	case f.Mode == DryRun:
		r.Text = would(r.Kind) + r.Text
		r.Kind = KindDryRun
	case !stops:
	case f.Mode == Caution:
		r.Kind = KindWarn
	case isExcepted:
		r.Text = would(r.Kind) + r.Text
		r.Kind, r.Exception = KindExcepted, exception
	}
	return r
}

func would(k Kind) string {
	switch k {
	case KindDeny:
		return wouldFail
	case KindInconclusive:
		return wouldInconclusive
	}
	return wouldWarn
}

// unexcused is the input as if there were neither modes nor exceptions.
func unexcused(in Input) Input {
	findings := make([]Finding, len(in.Findings))
	for i, f := range in.Findings {
		f.Mode = Enforce
		findings[i] = f
	}
	in.Findings, in.Excepted = findings, nil
	return in
}
