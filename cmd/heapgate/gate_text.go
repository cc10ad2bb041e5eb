// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/heapgate/heapgate/internal/verdict"
)

// text is the report for a person at a terminal or in a log: the verdict first, then what it stands on, then what to do.
func (r report) text() []byte {
	var out bytes.Buffer
	line := func(format string, args ...any) { out.WriteString(printable(fmt.Sprintf(format, args...)) + "\n") }
	line("%s", r.verdict.Summary)
	line("")
	for _, text := range r.scope() {
		line("%s", text)
	}
	line("policies %s", r.judge.pack.Digest())
	if reasons := r.verdict.Reasons; len(reasons) > 1 {
		line("")
		for _, reason := range reasons {
			line("%-13s %s [%s]", word(reason.Kind), reason.Text, strings.Join(reason.Rules, ", "))
		}
	}
	if rows := r.rows(); len(rows) > 0 {
		line("")
		table := [][]string{{"SIGNAL", "VALUE", "LIMIT", "SAMPLES", "STATE", "TARGET"}}
		for _, row := range rows {
			table = append(table, []string{row.name, row.value, row.limit, row.samples, row.state, row.target})
		}
		out.Write(aligned(table))
	}
	if r.evidence != nil && r.evidence.Comparison != nil {
		line("")
		line("compared with %s", r.evidence.Comparison.against())
	}
	if rows := r.comparedRows(); len(rows) > 0 {
		table := [][]string{{"COMPARED", "RATIO", "INTERVAL", "LIMIT", "BEFORE", "NOW", "PODS", "STATE"}}
		for _, c := range rows {
			table = append(table, []string{c.name, c.ratio, c.interval, c.limit, c.baseline, c.candidate, c.pods, c.state})
		}
		out.Write(aligned(table))
	}
	if rows := r.changedRows(); len(rows) > 0 {
		line("")
		table := [][]string{{"ALLOCATION SITE", "BEFORE", "NOW", "DIFFERENCE", "SIGMAS", "CLASS"}}
		for _, c := range rows {
			table = append(table, []string{c.place, c.before, c.now, c.difference, c.sigmas, c.class})
		}
		out.Write(aligned(table))
	}
	if sites, more := r.siteRows(); len(sites) > 0 {
		line("")
		table := [][]string{{"MAP SITE", "GROWS", "95 % INTERVAL", "RETAINED", "WINDOWS", "CLASS", "TARGET"}}
		for _, s := range sites {
			table = append(table, []string{s.place, s.rate, s.interval, s.retained, s.windows, s.class, s.target})
		}
		out.Write(aligned(table))
		if more > 0 {
			line("and %d more sites; -o json lists all", more)
		}
	}
	if lines := r.explained(); len(lines) > 0 {
		line("")
		line("How it came about")
		for _, text := range lines {
			line("  %s", text)
		}
	}
	if advice := r.advice(); len(advice) > 0 {
		line("")
		line("What to do")
		for _, text := range advice {
			line("  %s", text)
		}
	}
	if links := r.links(); len(links) > 0 {
		line("")
		line("Look further")
		for _, link := range links {
			line("  %s", link)
		}
	}
	if command := r.visit(); command != "" {
		line("  %s", command)
	}
	for _, warning := range r.warnings {
		line("the store warns: %s", warning)
	}
	return out.Bytes()
}

func word(k verdict.Kind) string {
	switch k {
	case verdict.KindDeny:
		return "fail"
	case verdict.KindWarn:
		return "warning"
	}
	return string(k)
}

func aligned(table [][]string) []byte {
	var out bytes.Buffer
	writer := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, cells := range table {
		for i, cell := range cells {
			if cells[i] = printable(cell); cell == "" {
				cells[i] = "-"
			}
		}
		_, _ = fmt.Fprintln(writer, strings.Join(cells, "\t"))
	}
	_ = writer.Flush() // Into memory, which does not fail.
	return out.Bytes()
}
