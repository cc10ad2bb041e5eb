// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata")

// TestBatches writes the batches of each fixture and compares what the queries, the telemetry and the errors then say.
// A fixture has config.yaml (optional), metrics.yaml (OTLP, one document a batch; 2000000000 s is noon), queries (one a line);
// answers, telemetry and errors are rewritten by -update.
func TestBatches(t *testing.T) {
	files, err := filepath.Glob("testdata/batches/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no fixtures", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { runBatches(t, file) })
	}
}

func runBatches(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]string{}
	for _, f := range archive.Files {
		in[f.Name] = string(f.Data)
	}
	cfg := testConfig(t.TempDir())
	if err := load(t, in["config.yaml"], cfg); err != nil {
		t.Fatal(err)
	}
	r := startRig(t, cfg)

	var errs strings.Builder
	for i, document := range strings.Split(in["metrics.yaml"], "\n---\n") {
		if err := r.push(context.Background(), readMetrics(t, document)); err != nil {
			fmt.Fprintf(&errs, "batch %d (permanent: %t): %v\n", i+1, consumererror.IsPermanent(err), err)
		}
	}
	got := map[string]string{"answers": r.answers(in["queries"]), "telemetry": r.told() + "\n", "errors": errs.String()}
	if *update {
		rewrite(t, file, archive, got)
		return
	}
	for _, part := range []string{"answers", "telemetry", "errors"} {
		if diff := cmp.Diff(in[part], got[part]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", part, diff)
		}
	}
}

func rewrite(t *testing.T, file string, archive *txtar.Archive, got map[string]string) {
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { _, ok := got[f.Name]; return ok })
	for _, part := range []string{"answers", "telemetry", "errors"} {
		archive.Files = append(archive.Files, txtar.File{Name: part, Data: []byte(got[part])})
	}
	if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
		t.Fatal(err)
	}
}

// readMetrics reads OTLP's JSON form written as YAML.
func readMetrics(t *testing.T, document string) pmetric.Metrics {
	t.Helper()
	text, err := yaml.YAMLToJSON([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	md, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(text)
	if err != nil {
		t.Fatal(err)
	}
	return md
}

// answers evaluates each query at noon over HTTP and writes what comes, one series a line.
func (r *rig) answers(queries string) string {
	r.t.Helper()
	var out strings.Builder
	for expr := range strings.Lines(queries) {
		expr = strings.TrimSpace(expr)
		status, body := r.query(expr)
		if status != http.StatusOK {
			r.t.Fatalf("%s: %d %s", expr, status, body)
		}
		fmt.Fprintf(&out, "> %s\n%s", expr, renderVector(r.t, body))
	}
	return out.String()
}

func renderVector(t *testing.T, body string) string {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct {
				Metric    map[string]string
				Value     []any
				Histogram []any
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, s := range answer.Data.Result {
		var labels []string
		for k, v := range s.Metric {
			if k != "__name__" {
				labels = append(labels, fmt.Sprintf("%s=%q", k, v))
			}
		}
		slices.Sort(labels)
		var value string
		if s.Value != nil {
			value = fmt.Sprint(s.Value[1])
		} else {
			text, err := json.Marshal(s.Histogram[1])
			if err != nil {
				t.Fatal(err)
			}
			value = string(text)
		}
		lines = append(lines, fmt.Sprintf("%s{%s} %s\n", s.Metric["__name__"], strings.Join(labels, ","), value))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
