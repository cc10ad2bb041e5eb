// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cireport

import (
	"bytes"
	"fmt"
	"path"
	"strings"
)

// githubCommands are the words of the workflow commands that annotate a file.
var githubCommands = map[Level]string{Error: "error", Warning: "warning", Note: "notice"}

// The escapes that GitHub's runner undoes: of the message, and of a property, which ends at a comma or a colon.
var (
	githubMessage  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// GitHub writes one workflow command a finding: ::error file=...,line=...,title=...::message. A runner shows ten of each kind a step.
func GitHub(r Report) []byte {
	titles := map[string]string{}
	for _, rule := range r.Rules {
		titles[rule.ID] = rule.Title
	}
	var out bytes.Buffer
	for _, f := range r.Findings {
		o := r.Objects[f.Object]
		_, _ = fmt.Fprintf(&out, "::%s file=%s,line=%d,title=%s::%s\n", githubCommands[f.Level], githubProperty.Replace(valid(path.Clean(o.File))), r.line(f),
			githubProperty.Replace(valid(f.Rule+" "+titles[f.Rule])), githubMessage.Replace(valid(o.Name+": "+f.Text)))
	}
	return out.Bytes()
}

func valid(s string) string { return strings.ToValidUTF8(s, "?") }
