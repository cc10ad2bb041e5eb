// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"fmt"
	"strings"
)

// rose is how a signal's rise is said, by the rule that compares it.
var rose = map[string]string{
	"HEAP-002":  "the live heap grew",
	"GC-004":    "GC CPU time per allocated byte rose",
	"ALLOC-001": "allocation rose",
	"HEAD-001":  "the share of the memory limit in use rose",
}

// compared is the noun of the same.
var compared = map[string]string{
	"HEAP-002":  "the live heap",
	"GC-004":    "GC CPU time per allocated byte",
	"ALLOC-001": "allocation",
	"HEAD-001":  "the share of the memory limit in use",
}

// regression says by how much the candidate is worse, than what, and where that comes from.
func regression(f Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", rose[f.Rule], Format(*f.Value-1, "1"))
	lower, hasLower := number(f.Facts, "lower")
	upper, hasUpper := number(f.Facts, "upper")
	if hasLower && hasUpper {
		fmt.Fprintf(&b, " (95 %%: %s to %s)", decimal(100*(lower-1), 0), decimal(100*(upper-1), 0))
	}
	fmt.Fprintf(&b, " over %s; limit %s", baseline(f), Format(*f.Limit-1, "1"))
	if site, ok := firstSite(f.Facts); ok {
		b.WriteString("; " + site)
	}
	return b.String()
}

// baseline is what a candidate was compared with.
func baseline(f Finding) string {
	what := "the baseline"
	switch text(f.Facts, "baseline_kind") {
	case "concurrent":
		what = "the version beside it"
	case "previous":
		what = "the previous version"
	case "last_week":
		what = "last week"
	}
	if version := text(f.Facts, "baseline_version"); version != "" {
		what += " " + cutTo(version, 40)
	}
	return what
}

// firstSite is the site that grew most: its function, where that is, and how much it allocates in addition.
func firstSite(facts map[string]any) (string, bool) {
	for _, one := range list(facts["sites"]) {
		site, _ := one.(map[string]any)
		difference, ok := number(site, "difference")
		if text(site, "function") == "" || !ok {
			continue
		}
		return fmt.Sprintf("%s%s +%s", text(site, "function"), place(site), Format(difference, "By/s")), true
	}
	return "", false
}

// undecided says why a comparison has no answer. All rules say the same of a baseline that is not there, so that it is one sentence.
func undecided(f Finding) string {
	code := text(f.Facts, "reason")
	if code == "no_baseline" {
		return noBaseline(f)
	}
	why, known := undecidedBecause[code]
	if code == "too_variable" {
		why, known = tooVariable(f)
	}
	if !known {
		why = strings.ReplaceAll(code, "_", " ")
	}
	return fmt.Sprintf("%s cannot be told from that of %s: %s", compared[f.Rule], baseline(f), why)
}

// undecidedBecause explains the reason codes of comparisons.
var undecidedBecause = map[string]string{
	"insufficient_data":   "too little data",
	"load_not_comparable": "its load lies outside of what the baseline bore",
	"unadjusted":          "there is no load signal to adjust for",
	"too_short":           "the pods have not run for long enough",
	"too_variable":        "it varies too much",
	"multiplicity":        "alone it would fail, but with so many signals compared that may be chance",
	"not_finite":          "a number is not finite",
	"not_positive":        "there are values of zero or below, which have no ratio",
	"no_pods":             "there are no pods to compare",
	"too_few_pods":        "too few pods for how much they differ",
	"bad_settings":        "its settings mean nothing",
	"missing":             "it was not compared",
	"malformed":           "the comparison contradicts itself",
}

func tooVariable(f Finding) (string, bool) {
	lower, hasLower := number(f.Facts, "lower")
	upper, hasUpper := number(f.Facts, "upper")
	if !hasLower || !hasUpper || f.Limit == nil {
		return undecidedBecause["too_variable"], true
	}
	return fmt.Sprintf("it varies too much (95 %%: %s to %s %%, limit %s)", signed(lower), signed(upper), Format(*f.Limit-1, "1")), true
}

func signed(ratio float64) string {
	if ratio > 1 {
		return "+" + decimal(100*(ratio-1), 0)
	}
	return decimal(100*(ratio-1), 0)
}

func noBaseline(f Finding) string {
	why := strings.ReplaceAll(text(f.Facts, "detail"), "_", " ")
	if why == "" {
		why = "there is no baseline"
	}
	return "not compared with an earlier version: " + why
}

// undecidedLook is EVID-004's: no baseline, or not yet decided.
func undecidedLook(f Finding) string {
	if f.Value != nil && f.Limit != nil {
		return fmt.Sprintf("look %.0f of %.0f has not decided yet", *f.Value, *f.Limit)
	}
	return noBaseline(f)
}
