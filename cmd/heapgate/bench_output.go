// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/heapgate/heapgate/internal/gobench"
	"github.com/heapgate/heapgate/internal/verdict/compare"
)

// summary is the sentence that a person reads first.
func (r benchReport) summary() string {
	judged, counts := 0, map[compare.Outcome]int{}
	for _, one := range r.Results {
		if !one.Information {
			judged++
			counts[one.Outcome]++
		}
	}
	worst := func() string { return benchSentence(r.Results[0], r.Settings) }
	switch {
	case r.Verdict == compare.Fail:
		return fmt.Sprintf("fail: %s (%d of %s worse)", worst(), counts[compare.Fail], counted(judged, "metric"))
	case len(r.Broken) > 0:
		return "inconclusive: " + r.Broken[0]
	case judged == 0:
		return "inconclusive: nothing to judge: run both with -benchmem"
	case r.Verdict == compare.Inconclusive:
		return fmt.Sprintf("inconclusive: %s (%d of %s undecided)", worst(), counts[compare.Inconclusive], counted(judged, "metric"))
	}
	return fmt.Sprintf("pass: none of %s is worse by %s", counted(judged, "metric"), benchPercent(r.Settings.Limit))
}

// benchSentence says of one result what was found and what to do.
func benchSentence(r gobench.Result, set gobench.Settings) string {
	name := benchName(r)
	switch r.Reason {
	case gobench.ReasonTooFewRuns:
		return fmt.Sprintf("%s was run %d and %d times, %d are needed on each side: run with -count=10", name, r.RunsOld, r.RunsNew, set.MinRuns)
	case gobench.ReasonMissingInNew:
		return name + " is missing in NEW: removed, renamed, or not run"
	case gobench.ReasonNotFinite:
		return name + " has a value that is no number, or negative"
	case gobench.ReasonZero:
		return fmt.Sprintf("%s went from %s to %s", name, benchNumber(r.Old), benchNumber(r.New))
	case gobench.ReasonTooVariable:
		return fmt.Sprintf("%s varies too much between runs to tell (%s): run with a higher -count, on a quiet machine", name, benchChange(r))
	case gobench.ReasonMultiplicity:
		return fmt.Sprintf("%s is worse (%s), but among so many metrics that may be chance: run with a higher -count", name, benchChange(r))
	case gobench.ReasonNew:
		return name + " is new"
	}
	return fmt.Sprintf("%s went from %s to %s (%s)", name, benchNumber(r.Old), benchNumber(r.New), benchChange(r))
}

func benchName(r gobench.Result) string {
	name := "Benchmark" + r.Benchmark + " " + r.Unit
	if r.Package != "" {
		name = r.Package + "." + name
	}
	return printable(name)
}

func benchNumber(x *float64) string {
	if x == nil {
		return "-"
	}
	if *x >= 1000 {
		return strconv.FormatFloat(*x, 'f', 0, 64)
	}
	return strconv.FormatFloat(*x, 'g', 4, 64)
}

func benchPercent(ratio float64) string {
	text := strconv.FormatFloat((ratio-1)*100, 'f', 1, 64)
	if ratio >= 1 {
		text = "+" + text
	}
	return strings.TrimSuffix(text, ".0") + " %"
}

// benchChange is NEW against OLD, with its interval. The ratio of a result is of what is worse, so it is turned where more is better.
func benchChange(r gobench.Result) string {
	if r.Ratio == nil || r.Lower == nil || r.Upper == nil {
		return "no ratio"
	}
	ratio, lower, upper := *r.Ratio, *r.Lower, *r.Upper
	if r.Higher {
		ratio, lower, upper = 1/ratio, 1/upper, 1/lower
	}
	if lower == upper {
		return benchPercent(ratio)
	}
	return fmt.Sprintf("%s, between %s and %s", benchPercent(ratio), benchPercent(lower), benchPercent(upper))
}

func (r benchReport) format(format string) ([]byte, error) {
	var out bytes.Buffer
	switch format {
	case "json":
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err := encoder.Encode(r)
		return out.Bytes(), err
	case "markdown":
		r.markdown(&out)
	case "github":
		r.github(&out)
	default:
		r.text(&out)
	}
	return out.Bytes(), nil
}

func (r benchReport) text(out *bytes.Buffer) {
	fmt.Fprintln(out, r.Summary)
	for _, one := range append(r.Broken, r.Notes...) {
		fmt.Fprintln(out, "note: "+one)
	}
	if len(r.Results) == 0 {
		return
	}
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "VERDICT\tMETRIC\tOLD\tNEW\tCHANGE\tRUNS")
	for _, one := range r.Results {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d/%d\n", benchVerdict(one), benchName(one), benchNumber(one.Old), benchNumber(one.New), benchChange(one), one.RunsOld, one.RunsNew)
	}
	_ = table.Flush()
}

func benchVerdict(r gobench.Result) string {
	switch {
	case r.Information && r.Reason != "":
		return "info: " + r.Reason
	case r.Information:
		return "info"
	case r.Reason != "" && r.Outcome == compare.Inconclusive:
		return "inconclusive: " + r.Reason
	}
	return string(r.Outcome)
}

func (r benchReport) markdown(out *bytes.Buffer) {
	fmt.Fprintf(out, "### heapgate bench: %s\n\n%s\n", r.Verdict, escaped(r.Summary))
	for _, one := range append(r.Broken, r.Notes...) {
		fmt.Fprintf(out, "\n> %s\n", escaped(one))
	}
	if len(r.Results) > 0 {
		fmt.Fprint(out, "\n| verdict | metric | old | new | change | runs |\n| --- | --- | --- | --- | --- | --- |\n")
	}
	for _, one := range r.Results {
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %d/%d |\n", benchVerdict(one), escaped(benchName(one)), benchNumber(one.Old), benchNumber(one.New), benchChange(one), one.RunsOld, one.RunsNew)
	}
}

// github writes workflow commands: https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
func (r benchReport) github(out *bytes.Buffer) {
	command := func(level, title, text string) {
		fmt.Fprintf(out, "::%s title=%s::%s\n", level, githubProperty.Replace(printable(title)), githubData.Replace(printable(text)))
	}
	for _, one := range r.Broken {
		command("warning", "heapgate bench: incomplete", one)
	}
	for _, one := range r.Results {
		switch {
		case one.Information:
		case one.Outcome == compare.Fail:
			command("error", "heapgate bench: "+one.Unit, benchSentence(one, r.Settings))
		case one.Outcome == compare.Inconclusive:
			command("warning", "heapgate bench: "+one.Unit, benchSentence(one, r.Settings))
		}
	}
	level := map[compare.Outcome]string{compare.Pass: "notice", compare.Fail: "error", compare.Inconclusive: "warning"}[r.Verdict]
	command(level, "heapgate bench", r.Summary)
}

var (
	githubData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)
