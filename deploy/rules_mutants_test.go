// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"gopkg.in/yaml.v3"
)

// mutant is a rule with one number, duration, matcher or operator changed.
type mutant struct {
	what string
	rule alertRule
}

// mutantsOf moves each number that the rule compares with and each of its durations, up and down, and turns each matcher and each
// set operator around.
func mutantsOf(t *testing.T, r alertRule) []mutant {
	t.Helper()
	var all []mutant
	for _, number := range comparedNumbers(t, r.Expr) {
		from, to := int(number.PosRange.Start), int(number.PosRange.End)
		for _, moved := range movedNumbers(number.Val, strings.HasSuffix(strings.TrimSpace(r.Expr[:from]), "==")) {
			changed := r
			changed.Expr = r.Expr[:from] + strconv.FormatFloat(moved, 'f', -1, 64) + r.Expr[to:]
			all = append(all, mutant{fmt.Sprintf("%v became %v in ...%s", number.Val, moved, strings.TrimSpace(r.Expr[max(0, from-40):to])), changed})
		}
	}
	for _, turned := range turnable.FindAllStringIndex(r.Expr, -1) {
		from, to := turned[0], turned[1]
		changed := r
		changed.Expr = r.Expr[:from] + turnedAround[r.Expr[from:to]] + r.Expr[to:]
		all = append(all, mutant{fmt.Sprintf("%q turned around in ...%s...", r.Expr[from:to], strings.TrimSpace(r.Expr[max(0, from-40):min(len(r.Expr), to+40)])), changed})
	}
	for _, factor := range []float64{0.5, 2} {
		if r.For != "" {
			changed := r
			changed.For = scaled(t, r.For, factor)
			all = append(all, mutant{"for: " + r.For + " became " + changed.For, changed})
		}
		if r.KeepFiringFor != "" {
			changed := r
			changed.KeepFiringFor = scaled(t, r.KeepFiringFor, factor)
			all = append(all, mutant{"keep_firing_for: " + r.KeepFiringFor + " became " + changed.KeepFiringFor, changed})
		}
	}
	return all
}

var (
	turnable     = regexp.MustCompile(`!="|!~"|=~"|="|\b(and|unless)\b`)
	turnedAround = map[string]string{`="`: `!="`, `!="`: `="`, `=~"`: `!~"`, `!~"`: `=~"`, "and": "unless", "unless": "and"}
)

// movedNumbers: a state becomes the other one, a count one more or less, anything else a tenth more or less.
func movedNumbers(v float64, state bool) []float64 {
	switch {
	case state:
		return []float64{1 - v}
	case v == 0:
		return []float64{-1, 1e9}
	case v == float64(int(v)) && v <= 10:
		return []float64{v - 1, v + 1}
	}
	return []float64{v * 0.9, v * 1.1}
}

func scaled(t *testing.T, duration string, factor float64) string {
	t.Helper()
	d, err := model.ParseDuration(duration)
	if err != nil {
		t.Fatal(err)
	}
	return model.Duration(float64(d) * factor).String()
}

// A limit that could move without a case noticing would not be held by its cases. All mutants go through one promtool.
func TestCasesNoticeEveryMovedLimit(t *testing.T) {
	tool := promtool(t)
	_, rules := readRules(t)
	var tests ruleTests
	readYAML(t, ruleTestsFile, &tests)
	dir := t.TempDir()
	args := []string{"test", "rules"}
	names := map[string]string{}
	for _, r := range rules {
		mine := ruleTests{RuleFiles: []string{}, EvaluationInterval: tests.EvaluationInterval}
		for _, c := range tests.Tests {
			if strings.HasPrefix(c.Name, r.Alert+": ") {
				mine.Tests = append(mine.Tests, c)
			}
		}
		for i, m := range append([]mutant{{"nothing changed", r}}, mutantsOf(t, r)...) {
			base := filepath.Join(dir, fmt.Sprintf("%s-%02d", r.Alert, i))
			mine.RuleFiles = []string{base + ".rules.yaml"}
			writeYAML(t, base+".rules.yaml", ruleFile{Groups: []ruleGroup{{Name: "mutant", Rules: []alertRule{m.rule}}}})
			writeYAML(t, base+".test.yaml", mine)
			args = append(args, base+".test.yaml")
			names[base+".test.yaml"] = r.Alert + ": " + m.what
		}
	}
	out, _ := exec.Command(tool, args...).CombinedOutput() // it fails, as it should
	outcomes := outcome.FindAllStringSubmatchIndex(string(out), -1)
	if len(outcomes) != len(args[2:]) || len(outcomes) < 3*len(rules) {
		t.Fatalf("promtool was given %d files for %d rules and tells of %d", len(args[2:]), len(rules), len(outcomes))
	}
	for i, path := range args[2:] { // it tells of them in their order, without a name
		passed := string(out[outcomes[i][2]:outcomes[i][3]]) == "SUCCESS"
		switch unchanged := strings.HasSuffix(path, "-00.test.yaml"); {
		case unchanged && !passed:
			t.Errorf("%s: the cases fail for the rule as it is", names[path])
		case !unchanged && passed:
			t.Errorf("%s: no case notices", names[path])
		}
	}
}

var outcome = regexp.MustCompile(`(?m)^  (SUCCESS|FAILED):?$`)

func writeYAML(t *testing.T, path string, value any) {
	t.Helper()
	text, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
