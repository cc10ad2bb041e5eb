// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/heapgate/heapgate/internal/hooks"
)

// hooksDocument is the report for programs. Its fields are an interface: they are added to, never renamed.
type hooksDocument struct {
	ExitCode int `json:"exit_code"`
	hooks.Report
	Note string `json:"note"`
}

func hooksText(format string, r hooks.Report, code int) ([]byte, error) {
	var out bytes.Buffer
	switch format {
	case "json":
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(hooksDocument{code, r, "Not in any manifest: " + hooks.NotInManifests}); err != nil {
			return nil, err
		}
	case "markdown":
		hooksMarkdown(&out, r)
	default:
		hooksPlain(&out, r)
	}
	return out.Bytes(), nil
}

func hooksPlain(out *bytes.Buffer, r hooks.Report) {
	for _, f := range r.Findings {
		fmt.Fprintf(out, "%s:%d: %s %s %s: %s\n    got   %s\n    want  %s\n    see   %s\n", printable(f.File), f.Line, f.Severity, f.ID, printable(f.Object), f.Title,
			printable(f.Got), printable(f.Want), f.Docs)
	}
	if r.More > 0 {
		fmt.Fprintf(out, "and %d more findings\n", r.More)
	}
	fmt.Fprintf(out, "%s\nNot in any manifest: %s.\n", hooksSummary(r), hooks.NotInManifests)
}

func hooksMarkdown(out *bytes.Buffer, r hooks.Report) {
	fmt.Fprintf(out, "### heapgate check hooks\n\n%s\n\n", escaped(hooksSummary(r)))
	if len(r.Findings) > 0 {
		fmt.Fprintf(out, "| where | finding | object | got | want |\n| --- | --- | --- | --- | --- |\n")
	}
	for _, f := range r.Findings {
		fmt.Fprintf(out, "| %s:%d | %s [%s](%s) %s | %s | %s | %s |\n", escaped(f.File), f.Line, f.Severity, f.ID, f.Docs, escaped(f.Title), escaped(f.Object), escaped(f.Got), escaped(f.Want))
	}
	if r.More > 0 {
		fmt.Fprintf(out, "\nand %d more findings\n", r.More)
	}
	fmt.Fprintf(out, "\n<sub>Not in any manifest: %s.</sub>\n", escaped(hooks.NotInManifests))
}

func hooksSummary(r hooks.Report) string {
	read := fmt.Sprintf("%s, %s, %s, %s", counted(r.Objects, "object"), counted(r.Hooks, "hook"), counted(r.Gates, "gate"), counted(r.Applications, "Application"))
	if r.Gates == 0 {
		return fmt.Sprintf("No gate among the hooks: nothing was checked that could stop a release (%s, %s; read: %s).", counted(r.Errors, "error"), counted(r.Warnings, "warning"), read)
	}
	return fmt.Sprintf("%s, %s (read: %s).", counted(r.Errors, "error"), counted(r.Warnings, "warning"), read)
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
