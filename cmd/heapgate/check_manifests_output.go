// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/heapgate/heapgate/internal/cireport"
)

func (r *manifestReport) text(format string) ([]byte, error) {
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
	case "sarif":
		return cireport.SARIF(r.forCI())
	case "junit":
		return cireport.JUnit(r.forCI())
	case "github":
		_, _ = out.Write(cireport.GitHub(r.forCI()))
		_, _ = fmt.Fprintln(&out, r.summary())
	default:
		r.plain(&out)
	}
	return out.Bytes(), nil
}

// words for people; a note is of a rule that is tried out, or that nothing was judged.
func (f manifestFinding) word() string {
	switch {
	case f.counts == countsNote:
		return "note"
	case f.counts == countsUnsettled:
		return "open"
	case f.counts == countsError && f.Kind == "deny" && f.Mode == "":
		return "deny"
	}
	return "warn"
}

func (r *manifestReport) plain(out *bytes.Buffer) {
	for _, f := range r.Findings {
		_, _ = fmt.Fprintf(out, "%s:%d: %s %s %s: %s\n    %s\n", printable(f.File), f.Line, f.word(), f.ID, printable(f.Object), printable(f.Title), printable(f.Text))
		_, _ = fmt.Fprintf(out, "    want  %s\n", printable(oneLine(f.Want)))
		if f.Docs != "" {
			_, _ = fmt.Fprintf(out, "    see   %s\n", f.Docs)
		}
	}
	if r.More > 0 {
		_, _ = fmt.Fprintf(out, "and %d more findings\n", r.More)
	}
	_, _ = fmt.Fprintf(out, "%s\n", r.summary())
}

func (r *manifestReport) markdown(out *bytes.Buffer) {
	_, _ = fmt.Fprintf(out, "### heapgate check manifests\n\n%s\n", escaped(r.summary()))
	if len(r.Findings) > 0 {
		_, _ = fmt.Fprintf(out, "\n| where | finding | object | what | want |\n| --- | --- | --- | --- | --- |\n")
	}
	for _, f := range r.Findings {
		id := f.ID
		if f.Docs != "" {
			id = "[" + f.ID + "](" + f.Docs + ")"
		}
		_, _ = fmt.Fprintf(out, "| %s:%d | %s %s %s | %s | %s | %s |\n", escaped(f.File), f.Line, f.word(), id, escaped(f.Title), escaped(f.Object), escaped(f.Text), escaped(oneLine(f.Want)))
	}
	if r.More > 0 {
		_, _ = fmt.Fprintf(out, "\nand %d more findings\n", r.More)
	}
	_, _ = fmt.Fprintf(out, "\n<sub>policies `%s`</sub>\n", r.Policies)
}

func (r *manifestReport) summary() string {
	read := fmt.Sprintf("read: %s, %s; asked: %s", counted(r.Objects, "object"), counted(r.Workloads, "workload"), counted(len(r.rules), "rule"))
	if r.Workloads == 0 {
		return fmt.Sprintf("No workload among the manifests: nothing was judged (%s).", read)
	}
	notes := ""
	if r.Notes > 0 {
		notes = fmt.Sprintf(", %s of rules that are tried out", counted(r.Notes, "note"))
	}
	if r.WithoutGo > 0 {
		notes += fmt.Sprintf(", %s without a known Go program", counted(r.WithoutGo, "workload"))
	}
	return fmt.Sprintf("%d denied, %d open, %s%s (%s).", r.Denied, r.Inconclusive, counted(r.Warnings, "warning"), notes, read)
}

// forCI is the report without control characters, which no system of continuous integration expects.
func (r *manifestReport) forCI() cireport.Report {
	made := cireport.Report{Tool: "heapgate", Version: version(), Home: "https://github.com/heapgate/heapgate"}
	for _, rule := range r.rules {
		made.Rules = append(made.Rules, cireport.Rule{
			ID: rule.ID, Title: rule.Title, Description: oneLine(rule.Description), Solution: oneLine(rule.Solution), Severity: rule.Severity, Docs: r.docs[rule.ID],
		})
	}
	for _, o := range r.judged {
		made.Objects = append(made.Objects, cireport.Object{Name: printable(called(o)), File: o.File, Line: o.Line})
	}
	levels := map[string]cireport.Level{
		countsError: cireport.Error, countsUnsettled: cireport.Error, countsWarning: cireport.Warning, countsNote: cireport.Note,
	}
	for _, f := range r.Findings {
		made.Findings = append(made.Findings, cireport.Finding{
			Rule: f.ID, Level: levels[f.counts], Unsettled: f.Kind == "inconclusive" || f.withoutGo, Object: f.index, Part: printable(f.Target), Line: f.Line, Text: printable(f.Text),
		})
	}
	return made
}

// oneLine joins the lines of a text of METADATA.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
