// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const (
	rulesFile     = "rules/heapgate.rules.yaml"
	ruleTestsFile = "rules/heapgate.rules_test.yaml"
	runbooksFile  = "../docs/runbooks.md"
	runbooksURL   = "https://github.com/heapgate/heapgate/blob/main/docs/runbooks.md#"
)

type ruleFile struct {
	Groups []ruleGroup `yaml:"groups"`
}

type ruleGroup struct {
	Name  string      `yaml:"name"`
	Rules []alertRule `yaml:"rules"`
}

type alertRule struct {
	Alert         string            `yaml:"alert"`
	Expr          string            `yaml:"expr"`
	For           string            `yaml:"for,omitempty"`
	KeepFiringFor string            `yaml:"keep_firing_for,omitempty"`
	Labels        map[string]string `yaml:"labels"`
	Annotations   map[string]string `yaml:"annotations"`
}

// ruleTests is promtool's file of rule tests, as far as these tests look at it.
type ruleTests struct {
	RuleFiles          []string   `yaml:"rule_files"`
	EvaluationInterval string     `yaml:"evaluation_interval"`
	Tests              []ruleCase `yaml:"tests"`
}

type ruleCase struct {
	Name        string      `yaml:"name"`
	Interval    string      `yaml:"interval"`
	InputSeries []yaml.Node `yaml:"input_series"`
	Checks      []struct {
		EvalTime  string      `yaml:"eval_time"`
		AlertName string      `yaml:"alertname"`
		Expected  []yaml.Node `yaml:"exp_alerts"`
	} `yaml:"alert_rule_test"`
}

// readYAML decodes a file into out and refuses keys that out does not have.
func readYAML(t *testing.T, path string, out any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(out); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func readRules(t *testing.T) (ruleFile, []alertRule) {
	t.Helper()
	var file ruleFile
	readYAML(t, rulesFile, &file)
	var all []alertRule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) < 15 {
		t.Fatalf("%s has only %d rules", rulesFile, len(all))
	}
	return file, all
}

// promtool is the path of the tool that is pinned in tools/go.mod. Its first build takes minutes of CPU.
func promtool(t *testing.T) string {
	t.Helper()
	path, err := exec.Command("go", "tool", "-n", "-modfile=../tools/go.mod", "promtool").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(path))
}

func TestPromtoolAcceptsTheRules(t *testing.T) {
	tool := promtool(t)
	for _, args := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", rulesFile},
		{"test", "rules", ruleTestsFile},
	} {
		if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// Each alert has a case in which it is silent and one in which it fires, and those cases ask for no other alert.
func TestEveryAlertHasACaseOfSilenceAndOfFire(t *testing.T) {
	_, rules := readRules(t)
	var tests ruleTests
	readYAML(t, ruleTestsFile, &tests)
	silent, fires := map[string]int{}, map[string]int{}
	for _, c := range tests.Tests {
		alert, what, _ := strings.Cut(c.Name, ": ")
		loud := false
		for _, check := range c.Checks {
			if check.AlertName != alert {
				t.Errorf("case %q asks for %s", c.Name, check.AlertName)
			}
			loud = loud || len(check.Expected) > 0
		}
		switch {
		case loud && strings.HasPrefix(what, "fires "):
			fires[alert]++
		case !loud && strings.HasPrefix(what, "silent ") && len(c.InputSeries) > 0:
			silent[alert]++
		default:
			t.Errorf("case %q must say of itself that it is silent or fires, and be so", c.Name)
		}
	}
	for _, r := range rules {
		if silent[r.Alert] == 0 || fires[r.Alert] == 0 {
			t.Errorf("%s has %d cases of silence and %d of fire, it needs one of each", r.Alert, silent[r.Alert], fires[r.Alert])
		}
	}
}

func TestEveryAlertTellsWhatToDo(t *testing.T) {
	file, rules := readRules(t)
	headings := runbookHeadings(t)
	for _, g := range file.Groups { // what a statistic says can be wrong, and a tired person must know when
		for _, r := range g.Rules {
			if (g.Name == "heapgate-memory" || g.Name == "heapgate-code") && !strings.Contains(headings[r.Alert], "**When it is wrong.**") {
				t.Errorf("the runbook %s does not say when it is wrong", r.Alert)
			}
		}
	}
	dashboards := map[string]bool{}
	for _, d := range readDashboards(t) {
		dashboards[d.UID] = true
	}
	seen := map[string]bool{}
	for _, r := range rules {
		if seen[r.Alert] {
			t.Errorf("%s is there twice", r.Alert)
		}
		seen[r.Alert] = true
		if !slices.Contains([]string{"page", "ticket", "info"}, r.Labels["severity"]) {
			t.Errorf("%s: severity must be page, ticket or info (got %q)", r.Alert, r.Labels["severity"])
		}
		for _, name := range []string{"summary", "description"} {
			if r.Annotations[name] == "" {
				t.Errorf("%s has no %s", r.Alert, name)
			}
		}
		anchor, ok := strings.CutPrefix(r.Annotations["runbook_url"], runbooksURL)
		if !ok || anchor != strings.ToLower(r.Alert) || headings[r.Alert] == "" {
			t.Errorf("%s: runbook_url must be %s%s and docs/runbooks.md have a heading of that name (got %q)", r.Alert, runbooksURL, strings.ToLower(r.Alert), r.Annotations["runbook_url"])
		}
		if uid := r.Annotations["__dashboardUid__"]; !dashboards[uid] {
			t.Errorf("%s points at the dashboard %q, which is not in deploy/dashboards", r.Alert, uid)
		}
	}
	for heading := range headings {
		if strings.HasPrefix(heading, "Heapgate") && !seen[heading] {
			t.Errorf("docs/runbooks.md has %s, which is no alert", heading)
		}
	}
}

// runbookHeadings are the second-level headings of the runbooks with what stands under them. Each must name what it means, what to look
// at and what to do.
func runbookHeadings(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(runbooksFile)
	if err != nil {
		t.Fatal(err)
	}
	headings := map[string]string{}
	for _, section := range strings.Split(string(text), "\n## ")[1:] {
		heading, body, _ := strings.Cut(section, "\n")
		headings[heading] = body
		if !strings.HasPrefix(heading, "Heapgate") {
			continue
		}
		for _, part := range []string{"**What it means.**", "**Look.**", "**Do.**"} {
			if !strings.Contains(body, part) {
				t.Errorf("the runbook %s has no %s", heading, part)
			}
		}
	}
	return headings
}
