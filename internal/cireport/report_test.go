// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cireport

import (
	"encoding/json"
	"encoding/xml"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// hostile is a text that every form must keep from becoming markup or a command.
const hostile = "a, b: c %0A\n::error::x\r\n</failure><script>]]>\"'&\x1b[31m\x00\xff"

func report() Report {
	return Report{
		Tool: "heapgate", Version: "v1", Home: "https://example.org/heapgate",
		Rules: []Rule{
			{"A-001", "First", "Long.", "Do it.", "high", "https://example.org/A-001.md"},
			{"B-001", "Second", "Long.", "Do it.", "low", ""},
		},
		Objects: []Object{{"Deployment shop/shop", "dir/a b.yaml", 3}, {"Pod " + hostile, "C:x\n,.yaml", 0}},
		Findings: []Finding{
			{Rule: "A-001", Level: Error, Object: 0, Part: "shop", Line: 17, Text: "too much"},
			{Rule: "B-001", Level: Warning, Object: 0, Text: "maybe"},
			{Rule: "B-001", Level: Error, Unsettled: true, Object: 1, Text: hostile},
			{Rule: "B-001", Level: Error, Unsettled: true, Object: 1, Text: hostile},
			{Rule: "A-001", Level: Note, Object: 1, Text: "tried out"},
		},
	}
}

// must walks down a decoded JSON document.
func must[T any](t *testing.T, node any, path ...any) T {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := node.(map[string]any)
			if _, ok := object[step]; !ok {
				t.Fatalf("no %v of %v in %v", step, path, node)
			}
			node = object[step]
		case int:
			list, _ := node.([]any)
			if step >= len(list) {
				t.Fatalf("no [%d] of %v", step, path)
			}
			node = list[step]
		}
	}
	value, ok := node.(T)
	if !ok {
		t.Fatalf("%v is %T", path, node)
	}
	return value
}

// What SARIF 2.1.0 requires: 3.13.2 version, 3.14.6 tool, 3.19.2 name, 3.49.3 id, 3.27.11 message, 3.27.6 ruleIndex into rules, 3.30.5
// startLine from 1, 3.4.3 a URI reference, 3.27.17 fingerprints of text, and 3.27.10 no level but none without the kind fail.
func TestSARIFHasWhatTheStandardRequires(t *testing.T) {
	text, err := SARIF(report())
	if err != nil {
		t.Fatal(err)
	}
	var log any
	if err := json.Unmarshal(text, &log); err != nil {
		t.Fatal(err)
	}
	if version := must[string](t, log, "version"); version != "2.1.0" {
		t.Error(version)
	}
	if schema := must[string](t, log, "$schema"); !strings.HasSuffix(schema, "sarif-schema-2.1.0.json") {
		t.Error(schema)
	}
	driver := must[map[string]any](t, log, "runs", 0, "tool", "driver")
	if must[string](t, driver, "name") == "" {
		t.Error("no name")
	}
	rules := must[[]any](t, driver, "rules")
	for i, want := range []string{"error", "warning"} {
		if level := must[string](t, rules, i, "defaultConfiguration", "level"); level != want {
			t.Errorf("rule %d: want the level %s, got %s", i, want, level)
		}
		for _, name := range []string{"shortDescription", "fullDescription", "help"} {
			if must[string](t, rules, i, name, "text") == "" {
				t.Errorf("rule %d: no %s", i, name)
			}
		}
		must[string](t, rules, i, "properties", "severity")
	}
	if uri := must[string](t, rules, 0, "helpUri"); uri != "https://example.org/A-001.md" {
		t.Error(uri)
	}
	if _, given := rules[1].(map[string]any)["helpUri"]; given {
		t.Error("an empty helpUri is no URI")
	}
	results, seen := must[[]any](t, log, "runs", 0, "results"), map[string]bool{}
	if len(results) != len(report().Findings) {
		t.Fatalf("want all findings, got %d", len(results))
	}
	for i, result := range results {
		index := must[float64](t, result, "ruleIndex")
		if must[string](t, rules, int(index), "id") != must[string](t, result, "ruleId") {
			t.Errorf("result %d: ruleIndex is of another rule", i)
		}
		if must[string](t, result, "kind") != "fail" || must[string](t, result, "level") == "none" || must[string](t, result, "message", "text") == "" {
			t.Errorf("result %d: %v", i, result)
		}
		place := must[map[string]any](t, result, "locations", 0, "physicalLocation")
		if must[float64](t, place, "region", "startLine") < 1 {
			t.Errorf("result %d: lines begin with 1", i)
		}
		uri, err := url.Parse(must[string](t, place, "artifactLocation", "uri"))
		if err != nil || uri.Scheme != "" {
			t.Errorf("result %d: want a relative reference, got %v %v", i, uri, err)
		}
		for name, value := range must[map[string]any](t, result, "partialFingerprints") {
			if text, ok := value.(string); !ok || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(text) || seen[text] || !strings.Contains(name, "/v") {
				t.Errorf("result %d: want a fingerprint of its own, got %s %v", i, name, value)
			}
			seen[value.(string)] = true
		}
	}
	if uri := must[string](t, results, 0, "locations", 0, "physicalLocation", "artifactLocation", "uri"); uri != "dir/a%20b.yaml" {
		t.Error(uri)
	}
}

// A finding stays the same one when lines and numbers around it change.
func TestFingerprintsOutliveEdits(t *testing.T) {
	before, moved := report(), report()
	moved.Findings[0].Line, moved.Findings[0].Text, moved.Objects[0].Line = 99, "too much: 2 of 1", 98
	other := report()
	other.Findings[0].Part = "proxy"
	a, b, c := before.fingerprints(), moved.fingerprints(), other.fingerprints()
	if a[0] != b[0] || a[0] == c[0] || a[2] == a[3] {
		t.Error(a, b, c)
	}
}

func TestJUnitHasACaseForEveryRuleAndObject(t *testing.T) {
	text, err := JUnit(report())
	if err != nil {
		t.Fatal(err)
	}
	var root junitSuites
	if err := xml.Unmarshal(text, &root); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if root.Tests != 4 || root.Failures != 1 || root.Errors != 1 || len(root.Suites) != 2 {
		t.Errorf("%+v", root)
	}
	first := root.Suites[0].Cases[0]
	if first.Failure == nil || first.Failure.Message != "too much" || !strings.Contains(first.Failure.Text, "dir/a b.yaml:17: too much\nDo it.\n") {
		t.Errorf("%+v", first.Failure)
	}
	if warned := root.Suites[0].Cases[1]; warned.Failure != nil || warned.Error != nil || warned.Out != "warning: dir/a b.yaml:3: maybe" {
		t.Errorf("%+v", warned)
	}
	if open := root.Suites[1].Cases[1]; open.Error == nil || open.Error.Type != "inconclusive" || strings.Count(open.Error.Text, "<script>") != 2 {
		t.Errorf("%+v", open)
	}
	if strings.Contains(string(text), "<script>") {
		t.Error("a text became markup")
	}
}

// One line a finding: the runner takes each line that begins with two colons for a command.
func TestGitHubHasOneCommandAFinding(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(string(GitHub(report())), "\n"), "\n")
	want := regexp.MustCompile(`^::(error|warning|notice) file=[^,:\r]*,line=[1-9][0-9]*,title=[^,:\r]*::[^\r]*$`)
	if len(lines) != len(report().Findings) {
		t.Errorf("want a line a finding, got %q", lines)
	}
	for _, line := range lines {
		if !want.MatchString(line) {
			t.Errorf("%q", line)
		}
	}
	if want := "::error file=dir/a b.yaml,line=17,title=A-001 First::Deployment shop/shop: too much"; lines[0] != want {
		t.Errorf("got %q, want %q", lines[0], want)
	}
	if !strings.Contains(lines[2], "file=C%3Ax%0A%2C.yaml,line=1,") || !strings.Contains(lines[2], "c %250A%0A::error::x%0D%0A") {
		t.Error(lines[2])
	}
}

func FuzzForms(f *testing.F) {
	f.Add("a.yaml", hostile, hostile, 1)
	f.Add("../..//x:y", "", "::", -1)
	f.Fuzz(func(t *testing.T, file, name, text string, line int) {
		r := report()
		r.Objects[0] = Object{name, file, line}
		r.Findings = []Finding{{Rule: "A-001", Level: Error, Part: name, Line: line, Text: text}}
		sarif, err := SARIF(r)
		if err != nil || !json.Valid(sarif) {
			t.Errorf("%v %s", err, sarif)
		}
		junit, err := JUnit(r)
		if err := xml.Unmarshal(junit, new(junitSuites)); err != nil {
			t.Errorf("%v in %s", err, junit)
		}
		if err != nil || strings.Count(string(GitHub(r)), "\n") != 1 || strings.ContainsRune(string(GitHub(r)), '\r') {
			t.Errorf("%v %s", err, GitHub(r))
		}
	})
}
