// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/heapgate/heapgate/internal/verdict"
)

// history is the report for programs. Its fields are added to, never renamed.
type history struct {
	Workload string        `json:"workload"`
	Since    string        `json:"since"`
	Until    string        `json:"until"`
	Policy   string        `json:"policy"`
	Releases []pastRelease `json:"releases"` // the oldest first
	Counts   counts        `json:"counts"`
	Left     int           `json:"left_out"` // older ones beyond the most that are judged
}

// counts of the verdicts by their word.
type counts map[string]int

// pastRelease is what the gate would have said of one release.
type pastRelease struct {
	Version     string          `json:"version"`
	ImageDigest string          `json:"image_digest"`
	Begun       string          `json:"begun"`
	Judged      string          `json:"judged"` // the end of the window
	Verdict     verdict.Outcome `json:"verdict"`
	Rules       []string        `json:"rules"` // that would have stopped it
	Summary     string          `json:"summary"`
	Baseline    string          `json:"baseline"`
	Against     string          `json:"against"`
}

func (h history) write(format string) ([]byte, error) {
	switch format {
	case "json":
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err := encoder.Encode(h)
		return out.Bytes(), err
	case "markdown":
		return h.markdown(), nil
	}
	return h.text(), nil
}

func (p pastRelease) cells() []string {
	baseline := strings.ReplaceAll(p.Baseline, "_", " ")
	if p.Against != "" {
		baseline += " " + p.Against
	}
	return []string{release{p.Version, p.ImageDigest}.String(), p.Begun, string(p.Verdict), strings.Join(p.Rules, ", "), baseline, strings.TrimPrefix(p.Summary, string(p.Verdict)+": ")}
}

// summary says how often the gate would have stepped in.
func (h history) summary() string {
	if len(h.Releases) == 0 {
		return fmt.Sprintf("no release of %s began between %s and %s", h.Workload, h.Since, h.Until)
	}
	text := fmt.Sprintf("%d of %d releases of %s since %s would have been stopped, %d would have been inconclusive", h.Counts[string(verdict.Fail)], len(h.Releases), h.Workload, h.Since, h.Counts[string(verdict.Inconclusive)])
	if n := h.Counts[string(verdict.Error)]; n > 0 {
		text += fmt.Sprintf(", %d could not be judged", n)
	}
	if h.Left > 0 {
		text += fmt.Sprintf("; %d older ones are left out", h.Left)
	}
	return text
}

var historyColumns = []string{"RELEASE", "BEGUN", "VERDICT", "RULES", "BASELINE", "WHY"}

func (h history) text() []byte {
	var out bytes.Buffer
	out.WriteString(printable(h.summary()) + "\n")
	if len(h.Releases) > 0 {
		table := [][]string{historyColumns}
		for _, one := range h.Releases {
			table = append(table, one.cells())
		}
		out.WriteString("\n")
		out.Write(aligned(table))
	}
	return out.Bytes()
}

func (h history) markdown() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "### heapgate: history\n\n%s\n", escaped(h.summary()))
	if len(h.Releases) > 0 {
		out.WriteString("\n| " + strings.ToLower(strings.Join(historyColumns, " | ")) + " |\n" + strings.Repeat("| --- ", len(historyColumns)) + "|\n")
		for _, one := range h.Releases {
			out.WriteString(cells(one.cells()...) + "\n")
		}
	}
	return out.Bytes()
}
