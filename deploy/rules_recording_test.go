// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const (
	recordingFile  = "rules/recording/heapgate-recording.rules.yaml"
	recordingTests = "rules/recording/heapgate-recording.rules_test.yaml"
)

type recordedFile struct {
	Groups []struct {
		Name     string `yaml:"name"`
		Interval string `yaml:"interval"`
		Rules    []struct {
			Record string `yaml:"record"`
			Expr   string `yaml:"expr"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

func TestPromtoolAcceptsTheRecordingRules(t *testing.T) {
	tool := promtool(t)
	for _, args := range [][]string{{"check", "rules", "--lint=all", "--lint-fatal", recordingFile}, {"test", "rules", recordingTests}} {
		if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

var levelMetricOperation = regexp.MustCompile(`^(workload|cluster):([a-z0-9_]+):(count|sum|avg|min|max)$`)

// Each recorded series is asked for by name, is called after what it is made of, and no alert and no dashboard hangs on it.
func TestEveryRecordedSeriesHasACase(t *testing.T) {
	var file recordedFile
	readYAML(t, recordingFile, &file)
	var tests struct {
		RuleFiles          []string `yaml:"rule_files"`
		EvaluationInterval string   `yaml:"evaluation_interval"`
		Tests              []struct {
			Name   string      `yaml:"name"`
			Every  string      `yaml:"interval"`
			Series []yaml.Node `yaml:"input_series"`
			Checks []struct {
				Expr    string      `yaml:"expr"`
				At      string      `yaml:"eval_time"`
				Samples []yaml.Node `yaml:"exp_samples"`
			} `yaml:"promql_expr_test"`
		} `yaml:"tests"`
	}
	readYAML(t, recordingTests, &tests)
	cases, recorded := map[string]bool{}, map[string]bool{}
	for _, test := range tests.Tests {
		for _, check := range test.Checks {
			cases[check.Expr] = len(check.Samples) > 0
		}
	}
	_, alerts := readRules(t)
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			parts := levelMetricOperation.FindStringSubmatch(r.Record)
			if parts == nil || !strings.Contains(r.Expr, parts[2]) || !strings.Contains(r.Expr, parts[3]+" by (k8s_cluster_name") && parts[1] == "workload" {
				t.Errorf("%s must be level:metric:operation of\n%s", r.Record, r.Expr)
			}
			if recorded[r.Record] || !cases[r.Record] {
				t.Errorf("%s is there twice or has no case", r.Record)
			}
			recorded[r.Record] = true
			for _, a := range alerts {
				if strings.Contains(a.Expr, r.Record) {
					t.Errorf("%s stands on %s: it must work where results cannot be written back", a.Alert, r.Record)
				}
			}
		}
	}
	if len(recorded) < 20 {
		t.Errorf("only %d series are recorded", len(recorded))
	}
}

var otherOperation = map[string]string{"count by": "max by", "sum by": "max by", "avg by": "max by", "min by": "max by", "max by": "min by", "== 1": ">= 0", `"gctrace"`: `"trace"`}

// A record that could take another value without its case noticing would not be held by it.
func TestCasesNoticeEveryOtherOperation(t *testing.T) {
	rules, cases := read(t, recordingFile), read(t, recordingTests)
	_, body, ok := strings.Cut(rules, "\ngroups:\n")
	if !ok {
		t.Fatalf("%s has no groups", recordingFile)
	}
	dir := t.TempDir()
	args, what := []string{"test", "rules"}, []string{}
	for _, at := range regexp.MustCompile(`(count|sum|avg|min|max) by|== 1|"gctrace"`).FindAllStringIndex(body, -1) {
		base := filepath.Join(dir, fmt.Sprint(len(what)))
		mutant := "groups:\n" + body[:at[0]] + otherOperation[body[at[0]:at[1]]] + body[at[1]:]
		for name, text := range map[string]string{".rules.yaml": mutant, ".test.yaml": strings.Replace(cases, "rule_files: [heapgate-recording.rules.yaml]", "rule_files: ["+base+".rules.yaml]", 1)} {
			if err := os.WriteFile(base+name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		args = append(args, base+".test.yaml")
		what = append(what, fmt.Sprintf("%q became %q behind ...%s", body[at[0]:at[1]], otherOperation[body[at[0]:at[1]]], body[max(0, at[0]-90):at[0]]))
	}
	out, _ := exec.Command(promtool(t), args...).CombinedOutput() // it fails, as it should
	outcomes := outcome.FindAllStringSubmatch(string(out), -1)
	if len(outcomes) != len(what) || len(what) < 25 {
		t.Fatalf("promtool was given %d files and tells of %d", len(what), len(outcomes))
	}
	for i, o := range outcomes {
		if o[1] == "SUCCESS" {
			t.Errorf("no case notices that %s", what[i])
		}
	}
}
