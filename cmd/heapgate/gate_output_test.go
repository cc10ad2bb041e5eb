// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/heapgate/heapgate/internal/promapi"
)

const hostile = "\x1b[31m<b>|`@all`\n"

// reportOf runs one look and returns its report in every format.
func reportOf(t *testing.T, fixture string) map[string]string {
	t.Helper()
	store, err := newFakeStore(fixture, storeNow)
	if err != nil {
		t.Fatal(err)
	}
	defer store.close()
	s, err := testSettings(gateFlags{}, store)
	if err != nil {
		t.Fatal(err)
	}
	j, err := newJudge(policySource{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := promapi.New(s.store, s.client)
	if err != nil {
		t.Fatal(err)
	}
	r := lookOnce(t.Context(), s, client, j, single(storeNow))
	r.started, r.finished = storeNow, storeNow
	out := map[string]string{}
	for _, format := range outputs {
		var b bytes.Buffer
		if err := r.write(&b, format); err != nil {
			t.Fatal(err)
		}
		out[format] = b.String()
	}
	return out
}

func TestOutputIsTheSameEveryTime(t *testing.T) {
	fixture := "target b:1\ntarget a:1\nheapgate_signal_windows 1x60\ntarget c:1\nheapgate_signal_cycles _x60\nwarn one\n" + wholeSite("f", 1e6) + wholeSite("g", 1e6)
	first := reportOf(t, fixture)
	for range 3 {
		if diff := cmp.Diff(first, reportOf(t, fixture)); diff != "" {
			t.Fatal(diff)
		}
	}
}

// TestDocument pins the fields that programs read.
func TestDocument(t *testing.T) {
	var d map[string]any
	if err := json.Unmarshal([]byte(reportOf(t, "target a:1\n"+wholeSite("f", 1e6)+"heapgate_signal_map_sites 1x60")["json"]), &d); err != nil {
		t.Fatal(err)
	}
	keys := func(m any) string { return strings.Join(slices.Sorted(maps.Keys(m.(map[string]any))), " ") }
	for name, got := range map[string]string{
		"evidence exit_code findings finished policy reasons started store summary verdict": keys(d),
		"map_sites now schema_version signals targets window workload":                      keys(d["evidence"]),
		"digest rules":                keys(d["policy"]),
		"queries url warnings":        keys(d["store"]),
		"end query series start step": keys(d["store"].(map[string]any)["queries"].([]any)[0]),
		"facts id kind limit severity signal target unit value": keys(d["findings"].([]any)[0]),
		"code kind rules severity signal target text":           keys(d["reasons"].([]any)[0]),
	} {
		if got != name {
			t.Errorf("keys %q, want %q", got, name)
		}
	}
	if d["verdict"] != "fail" || d["exit_code"] != 10.0 {
		t.Errorf("verdict %v, exit code %v", d["verdict"], d["exit_code"])
	}
}

// TestNoLabelSteersTheReader: labels come from whoever can write to the store.
func TestNoLabelSteersTheReader(t *testing.T) {
	quoted, _ := json.Marshal(hostile)
	out := reportOf(t, "target a:1\nheapgate_signal_map_sites 1x60\n"+strings.ReplaceAll(wholeSite("f", 1e6), `code_function_name="f"`, "code_function_name="+string(quoted)))
	for format, text := range out {
		if strings.Contains(text, "\x1b") {
			t.Errorf("%s has a terminal escape", format)
		}
	}
	if text := out["markdown"]; strings.Contains(text, "<b>") || strings.Contains(text, "@all") || !strings.Contains(text, "&lt;b&gt;") {
		t.Errorf("markdown lets markup through:\n%s", text)
	}
	for _, line := range strings.Split(out["text"], "\n") {
		if strings.HasPrefix(line, hostile[len(hostile)-5:]) {
			t.Errorf("a label broke the line: %q", line)
		}
	}
}

// TestACopyOfThePoliciesJudgesTheSame loads the policies from a directory.
func TestACopyOfThePoliciesJudgesTheSame(t *testing.T) {
	embedded, err := newJudge(policySource{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := newJudge(policySource{directory: filepath.FromSlash("../../policies")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if embedded.pack.Digest() != copied.pack.Digest() {
		t.Error("digests differ")
	}
	if limit := embedded.limit("map_growth", "min_rate"); limit == nil || *limit != 100000 {
		t.Errorf("limit of map growth is %v", limit)
	}
	lowered, err := newJudge(policySource{}, map[string]any{"map_growth": map[string]any{"min_rate": 5}})
	if err != nil {
		t.Fatal(err)
	}
	if limit := lowered.limit("map_growth", "min_rate"); limit == nil || *limit != 5 || lowered.limit("nothing") != nil {
		t.Errorf("overridden limit is %v", limit)
	}
	if _, err := newJudge(policySource{directory: filepath.Join(t.TempDir(), "none")}, nil); err == nil {
		t.Error("a directory that is not there was loaded")
	}
}

// lookWith judges a healthy target by policies of which one rule's text is changed.
func lookWith(t *testing.T, old, changed string) report {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../policies")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "gate", "gc", "pause.rego")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("%s has no %q to change", file, old)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), old, changed, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := newFakeStore("target a:1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer store.close()
	s, err := testSettings(gateFlags{}, store)
	if err != nil {
		t.Fatal(err)
	}
	j, err := newJudge(policySource{directory: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := promapi.New(s.store, s.client)
	if err != nil {
		t.Fatal(err)
	}
	return lookOnce(t.Context(), s, client, j, single(time.Now()))
}

func TestAPolicyThatFailsOrFallsSilentIsNoPass(t *testing.T) {
	const limit, checks = "limit := data.limits.gc_pause_p99_seconds", `checks contains "GC-002" if {`
	for name, tt := range map[string]struct {
		old, changed string
		code         int
		text         string
	}{
		"unchanged": {limit, limit, exitPass, "pass: "},
		"fails":     {limit, "limit := to_number(input.workload.name)", exitConfig, "error: evaluate policies: "},
		"silent":    {checks, checks + ` input.workload.name == "x"`, exitInconclusive, "inconclusive: rule GC-002 could not be evaluated and said nothing [GC-002]"},
	} {
		t.Run(name, func(t *testing.T) {
			if r := lookWith(t, tt.old, tt.changed); r.exitCode() != tt.code || !strings.HasPrefix(r.verdict.Summary, tt.text) {
				t.Errorf("exit code %d: %s; want %d: %s", r.exitCode(), r.verdict.Summary, tt.code, tt.text)
			}
		})
	}
}
