// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The rules stand one folder above.
func written(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := generate("..")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func alertsOf(t *testing.T) (rules []rule) {
	t.Helper()
	s, err := readSource("../" + alertsName + ".rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range s.groups {
		rules = append(rules, g.Rules...)
	}
	return rules
}

// What is committed is what the source says, and nothing else lies beside it.
func TestCommittedFilesAreWhatIsWritten(t *testing.T) {
	files := written(t)
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("deploy/rules/%s is not what the rules say (%v): run go run ./deploy/rules/generate", name, err)
		}
	}
	for _, folder := range []string{"amp", "azure", "datadog", "gmp", "grafana", "operator", "victoriametrics"} {
		entries, err := os.ReadDir(filepath.Join("..", folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if files[folder+"/"+e.Name()] == nil && e.Name() != "kustomization.yaml" {
				t.Errorf("nobody writes deploy/rules/%s/%s", folder, e.Name())
			}
		}
	}
}

func TestRunWritesIntoFreshFolders(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"receiver", "processor", "exporter", "cmd/heapgate"} {
		copyFile(t, "../../../"+name+"/metadata.yaml", filepath.Join(root, name, "metadata.yaml"))
	}
	dir := filepath.Join(root, "deploy/rules")
	copyFile(t, "../heapgate.rules.yaml", filepath.Join(dir, "heapgate.rules.yaml"))
	if err := run(dir); err == nil || !strings.Contains(err.Error(), "recording") {
		t.Errorf("without recording rules: got %v", err)
	}
	copyFile(t, "../recording/heapgate-recording.rules.yaml", filepath.Join(dir, "recording/heapgate-recording.rules.yaml"))
	if err := run(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range written(t) {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestBadSourcesAreRefused(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"groups:\n", "must have groups"},
		{"rules: []\n", "not found"},
		{"groups:\n  - name: a\n    rules:\n      - {expr: up}\n", "either an alert or a record"},
		{"groups:\n  - name: a\n    rules:\n      - {alert: A, record: b, expr: up}\n", "either an alert or a record"},
		{"groups:\n  - name: a\n    rules:\n      - {alert: A, expr: up >}\n", "A: "},
		{"groups:\n  - name: a\n    rules:\n      - {alert: A, expr: up, for: soon}\n", "soon"},
		{"groups:\n  - name: a\n    rules:\n      - {alert: A, expr: up, keep_firing_for: -1m}\n", "-1m"},
		{"groups:\n  - name: a\n    rules:\n      - {alert: A, expr: up, four: 1m}\n", "four"},
	} {
		if _, err := parseSource([]byte(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: got %v, want %q", tc.text, err, tc.want)
		}
	}
}

func TestISODurations(t *testing.T) {
	for d, want := range map[time.Duration]string{time.Minute: "PT1M", 90 * time.Minute: "PT1H30M", 2 * time.Hour: "PT2H", 25 * time.Hour: "PT25H"} {
		if got := isoDuration(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
	for _, d := range []time.Duration{0, time.Second, 90 * time.Second} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v has no form and is written as one", d)
				}
			}()
			isoDuration(d)
		}()
	}
}

func TestExactNames(t *testing.T) {
	for _, tc := range []struct{ expr, want string }{
		{"up == 0", "up == 0"},
		{`rate({__name__=~"a_b(_total)?", reason="x"}[5m]) > 0`, "(\n  rate(a_b_total{reason=\"x\"}[5m]) > 0\n)\nor\n(\n  rate(a_b{reason=\"x\"}[5m]) > 0\n)\n"},
		{`{__name__=~"a(_total)?"}`, "(\n  a_total{}\n)\nor\n(\n  a{}\n)\n"},
		{`{__name__=~"a|b"}`, ""},
		{`{reason="x", __name__=~"a(_total)?"}`, ""},
	} {
		got, err := exactNames(tc.expr)
		if got != tc.want || (err != nil) != (tc.want == "") {
			t.Errorf("%s: got %q, %v", tc.expr, got, err)
		}
		if _, wrong := promql.ParseExpr(got); got != "" && wrong != nil {
			t.Errorf("%s: %v", got, wrong)
		}
	}
}
