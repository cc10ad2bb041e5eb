// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package cireport writes findings about files in the forms that systems of continuous integration read: SARIF 2.1.0, JUnit's XML and
// the workflow commands of GitHub. It is pure: the report goes in, bytes come out, the same each time.
//
// What a report says may come from a hostile manifest. Each form escapes it in its own way, so that no text becomes markup or a command.
package cireport

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Level says what a finding means for those who read the report.
type Level string

// The levels are SARIF's.
const (
	Error   Level = "error"   // stops a merge
	Warning Level = "warning" // is shown
	Note    Level = "note"    // is kept
)

// Rule is what was asked of every object. Texts are plain; Docs is an absolute URL or empty.
type Rule struct {
	ID, Title, Description, Solution, Severity, Docs string
}

// Object is one thing that was judged, where it begins.
type Object struct {
	Name string // KIND NAMESPACE/NAME
	File string // as the user gave it; slashes
	Line int    // from 1
}

// Finding is what one rule says of one object.
type Finding struct {
	Rule      string
	Level     Level
	Unsettled bool   // the rule could not tell
	Object    int    // index into Report.Objects
	Part      string // of the object: a container, or empty
	Line      int    // in the object's file; 0: that of the object
	Text      string // one sentence
}

// Report is everything that the writers need.
type Report struct {
	Tool, Version, Home string // of the program; Home is an absolute URL
	Rules               []Rule
	Objects             []Object
	Findings            []Finding
}

func (r Report) line(f Finding) int {
	if f.Line > 0 {
		return f.Line
	}
	return max(r.Objects[f.Object].Line, 1)
}

// fingerprints name each finding without its line and its numbers, so that it stays the same finding when the file around it changes.
// Equal ones are counted through.
func (r Report) fingerprints() []string {
	seen := map[string]int{}
	all := make([]string, len(r.Findings))
	for i, f := range r.Findings {
		o := r.Objects[f.Object]
		key := fmt.Sprintf("%q %q %q %q %t", f.Rule, o.File, o.Name, f.Part, f.Unsettled)
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", key, seen[key]))
		seen[key]++
		all[i] = hex.EncodeToString(sum[:16])
	}
	return all
}
