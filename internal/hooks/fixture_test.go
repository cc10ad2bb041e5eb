// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package hooks

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected findings in testdata")

// TestEveryRuleHasAFixture reads testdata/HOOK-NNN.txtar: each file trips*.yaml must trip exactly that rule, each file near*.yaml is a
// near miss that trips none. `-- findings --` has what people are told.
func TestEveryRuleHasAFixture(t *testing.T) {
	fixtures, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(fixtures) != len(Rules) {
		t.Errorf("%d fixtures for %d rules (%v)", len(fixtures), len(Rules), err)
	}
	for _, rule := range Rules {
		t.Run(rule.ID, func(t *testing.T) {
			file := filepath.Join("testdata", rule.ID+".txtar")
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, trips, near := play(t, rule, archive.Files)
			if trips == 0 || near == 0 {
				t.Errorf("%d files that trip the rule and %d near misses, want at least one of each", trips, near)
			}
			last := &archive.Files[len(archive.Files)-1]
			if last.Name != "findings" {
				t.Fatalf("the last file is %s, want findings", last.Name)
			}
			if *update {
				last.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := gocmp.Diff(string(last.Data), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func play(t *testing.T, rule Rule, files []txtar.File) (told string, trips, near int) {
	var out strings.Builder
	for _, file := range files {
		var m Manifests
		if !strings.HasSuffix(file.Name, ".yaml") {
			continue
		}
		if err := m.Add(file.Name, file.Data); err != nil {
			t.Fatal(err)
		}
		report := m.Check()
		for _, f := range report.Findings {
			fmt.Fprintf(&out, "%s:%d: %s %s: %s; want %s\n", f.File, f.Line, f.Severity, f.Object, f.Got, f.Want)
			if f.ID != rule.ID || f.Severity != rule.Severity || f.Title != rule.Title {
				t.Errorf("%s: got %s (%s), want only %s", file.Name, f.ID, f.Got, rule.ID)
			}
			if f.Line < 1 || f.Line > strings.Count(string(file.Data), "\n") {
				t.Errorf("%s: line %d is outside the file", file.Name, f.Line)
			}
		}
		switch {
		case strings.HasPrefix(file.Name, "trips"):
			if trips++; len(report.Findings) == 0 {
				t.Errorf("%s trips nothing", file.Name)
			}
		case strings.HasPrefix(file.Name, "near"):
			if near++; len(report.Findings) > 0 {
				t.Errorf("%s is a near miss and has findings", file.Name)
			}
		default:
			t.Errorf("%s is neither trips*.yaml nor near*.yaml", file.Name)
		}
	}
	return out.String(), trips, near
}

// Every finding leads to a section that says the same.
func TestEveryRuleHasASection(t *testing.T) {
	page, err := os.ReadFile("../../docs/hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "\n## The rules\n")
	if !ok {
		t.Fatal("docs/hooks.md has no section The rules")
	}
	sections := strings.Split(rest, "\n### ")[1:]
	if len(sections) != len(Rules) {
		t.Errorf("%d sections for %d rules", len(sections), len(Rules))
	}
	for i, rule := range Rules[:min(len(Rules), len(sections))] {
		word := map[Severity]string{Error: "error", Warn: "warning"}[rule.Severity]
		if want := fmt.Sprintf("%s\n\n**%s** (%s). ", rule.ID, rule.Title, word); !strings.HasPrefix(sections[i], want) {
			t.Errorf("section %d starts with %.80q, want %q", i+1, sections[i], want)
		}
		if want := fmt.Sprintf("HOOK-%03d", i+1); rule.ID != want || anchor(rule.ID) != strings.ToLower(want) {
			t.Errorf("rule %d is %s, want %s", i+1, rule.ID, want)
		}
	}
	for _, link := range regexp.MustCompile(`\(#(hook-\d+)\)`).FindAllStringSubmatch(string(page), -1) {
		if !strings.Contains(rest, "\n### "+strings.ToUpper(link[1])+"\n") {
			t.Errorf("the link to %s leads nowhere", link[1])
		}
	}
}
