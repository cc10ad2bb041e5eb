// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/open-policy-agent/opa/v1/ast"
	"gopkg.in/yaml.v3"
)

var page = template.Must(template.New("page").Parse(`<!-- Generated from {{.File}} by go test ./policies -update. -->

# {{.ID}}: {{.Title}}

| | |
| --- | --- |
| severity | {{.Severity}} |
| signal | {{.Signal}} |
| package | [{{.Package}}](../{{.File}}) |
{{- range .Limits}}
| limit | {{.}} |
{{- end}}
{{- if not .EffectiveOn.IsZero}}
| warns until | {{.EffectiveOn.Format "2006-01-02"}} |
{{- end}}

{{.Description}}
{{- with .Avoid}}

## Avoid

{{.}}
{{- end}}
{{- with .Prefer}}

## Prefer

{{.}}
{{- end}}

## What to do

{{.Solution}}
{{- with .Exceptions}}

## When it is wrong

{{.}}
{{- end}}
`))

// limitsOf lists the limits that a rule reads, with their defaults.
func limitsOf(t *testing.T, rule Rule, defaults map[string]any) []string {
	t.Helper()
	module := parse(t, map[string]string{rule.File: regoText(t)[rule.File]})[rule.File]
	found := map[string]bool{}
	ast.WalkRefs(module, func(ref ast.Ref) bool {
		path, ok := strings.CutPrefix(ref.String(), "data.limits.")
		if ok {
			found[path] = true
		}
		return false
	})
	var lines []string
	for path := range found {
		var value any = defaults
		for _, name := range strings.Split(path, ".") {
			value = value.(map[string]any)[name]
		}
		text, err := yaml.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if _, isMap := value.(map[string]any); isMap {
			lines = append(lines, "all of `"+path+"` in [defaults.yaml](../data/defaults.yaml)")
			continue
		}
		lines = append(lines, "`"+path+"` "+strings.TrimSpace(string(text)))
	}
	slices.Sort(lines)
	return lines
}

func TestDocsAreGenerated(t *testing.T) {
	pack := mustLoad(t, nil)
	defaults := readYAML(t, "data/defaults.yaml")["limits"].(map[string]any)
	table := "\n| id | judges | severity | package |\n| --- | --- | --- | --- |\n"
	want := map[string]bool{}
	for _, rule := range allRules(pack) {
		var text bytes.Buffer
		err := page.Execute(&text, struct {
			Rule
			Limits []string
		}{rule, limitsOf(t, rule, defaults)})
		if err != nil {
			t.Fatal(err)
		}
		file := "docs/" + rule.ID + ".md"
		want[file] = true
		generated(t, file, text.String())
		table += "| [" + rule.ID + "](" + file + ") | " + rule.Title + " | " + rule.Severity + " | [" + rule.Package + "](" + rule.File + ") |\n"
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	between := regexp.MustCompile(`(?s)(<!-- rules: [^\n]*-->).*(\n<!-- end of rules -->)`)
	generated(t, "README.md", between.ReplaceAllString(string(readme), "${1}\n"+strings.TrimSuffix(table, "\n")+"\n${2}"))

	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range pages {
		if !want[file] {
			t.Errorf("%s is the page of no rule", file)
		}
	}
}

// The example of the README must be usable limits.
func TestReadmeLimitsAreValid(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(blocks) != 1 {
		t.Fatalf("want one YAML block in README.md, got %d", len(blocks))
	}
	limits, err := ParseLimits(blocks[0][1])
	if err != nil {
		t.Fatal(err)
	}
	mustLoad(t, limits)
}
