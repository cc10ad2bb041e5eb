// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"
)

// markdown is the report as a comment of a pull request.
func (r report) markdown() []byte {
	var out bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	line("### heapgate: %s\n", r.verdict.Outcome)
	line("%s\n", escaped(r.verdict.Summary))
	line("%s\n", escaped(strings.Join(r.scope(), ". ")))
	if reasons := r.verdict.Reasons; len(reasons) > 1 {
		for _, reason := range reasons {
			line("- **%s** %s \\[%s\\]", word(reason.Kind), escaped(reason.Text), escaped(strings.Join(reason.Rules, ", ")))
		}
		line("")
	}
	if rows := r.rows(); len(rows) > 0 {
		line("| signal | value | limit | samples | state | target |\n| --- | ---: | ---: | ---: | --- | --- |")
		for _, row := range rows {
			line("%s", cells(row.name, row.value, row.limit, row.samples, row.state, row.target))
		}
		line("")
	}
	if r.evidence != nil && r.evidence.Comparison != nil {
		line("Compared with %s\n", escaped(r.evidence.Comparison.against()))
	}
	if rows := r.comparedRows(); len(rows) > 0 {
		line("| compared | ratio | interval | limit | before | now | pods | state |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
		for _, c := range rows {
			line("%s", cells(c.name, c.ratio, c.interval, c.limit, c.baseline, c.candidate, c.pods, c.state))
		}
		line("")
	}
	if rows := r.changedRows(); len(rows) > 0 {
		line("| allocation site | before | now | difference | sigmas | class |\n| --- | ---: | ---: | ---: | ---: | --- |")
		for _, c := range rows {
			line("%s", cells(c.place, c.before, c.now, c.difference, c.sigmas, c.class))
		}
		line("")
	}
	if sites, more := r.siteRows(); len(sites) > 0 {
		line("| map site | grows | 95 % | retained | windows | class | target |\n| --- | ---: | ---: | ---: | ---: | --- | --- |")
		for _, s := range sites {
			line("%s", cells(s.place, s.rate, s.interval, s.retained, s.windows, s.class, s.target))
		}
		if more > 0 {
			line("\nand %d more sites", more)
		}
		line("")
	}
	if lines := r.explained(); len(lines) > 0 {
		line("<details><summary>How it came about</summary>\n")
		for _, text := range lines {
			line("%s  ", strings.Replace(escaped(text), "   ", "&nbsp;&nbsp;&nbsp;", 1))
		}
		line("\n</details>\n")
	}
	for _, text := range r.advice() {
		line("- %s", escaped(text))
	}
	asked := "no store asked"
	if r.address != "" {
		asked = "store " + escaped(r.address)
	}
	line("\n<sub>policies `%s`, %s</sub>", r.judge.pack.Digest(), asked)
	for _, warning := range r.warnings {
		line("\nThe store warns: %s", escaped(warning))
	}
	return out.Bytes()
}

func cells(values ...string) string {
	for i, v := range values {
		if values[i] = escaped(v); v == "" {
			values[i] = "-"
		}
	}
	return "| " + strings.Join(values, " | ") + " |"
}

// Markdown and HTML that a label could smuggle into a comment, and the @ that would call people.
var markup = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "|", `\|`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "#", `\#`, "@", "&#64;", "~", `\~`,
)

func escaped(s string) string { return markup.Replace(printable(s)) }
