// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/otlptranslator"
	"gopkg.in/yaml.v3"
)

// metadata is what this test needs of a component's metadata.yaml.
type metadata struct {
	Attributes map[string]any `yaml:"attributes"`
	Metrics    map[string]struct {
		Unit  string `yaml:"unit"`
		Gauge any    `yaml:"gauge"`
		Sum   *struct {
			Monotonic bool `yaml:"monotonic"`
		} `yaml:"sum"`
	} `yaml:"metrics"`
}

// Resource attributes of a target; the receiver sets them and the store makes labels of them.
var resourceAttributes = []string{"heapgate.workload.kind", "heapgate.workload.name"}

var histogramComment = regexp.MustCompile(`(?m)^# histogram: (\S+)$`)

// dictionary holds every name that our components emit: as OpenTelemetry writes it, and as Prometheus does.
func dictionary(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, name := range resourceAttributes {
		names[name], names[promLabel(name)] = true, true
	}
	groups := func(name string) { // "heapgate.signal." is a fair way to speak of all of them
		for i, r := range name {
			if r == '.' {
				names[name[:i]] = true
			}
		}
	}
	namer := otlptranslator.MetricNamer{WithMetricSuffixes: true}
	for _, file := range []string{"../receiver/metadata.yaml", "../processor/metadata.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var m metadata
		if err := yaml.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		for name := range m.Attributes {
			names[name], names[promLabel(name)] = true, true
		}
		add := func(name, unit string, kind otlptranslator.MetricType, suffixes ...string) {
			prom, err := namer.Build(otlptranslator.Metric{Name: name, Unit: unit, Type: kind})
			if err != nil {
				t.Fatal(err)
			}
			names[name], names[prom] = true, true
			groups(name)
			for _, suffix := range suffixes {
				names[prom+suffix] = true
			}
		}
		for name, metric := range m.Metrics {
			kind := otlptranslator.MetricType(otlptranslator.MetricTypeGauge)
			if metric.Sum != nil {
				kind = otlptranslator.MetricTypeNonMonotonicCounter
				if metric.Sum.Monotonic {
					kind = otlptranslator.MetricTypeMonotonicCounter
				}
			}
			add(name, metric.Unit, kind)
		}
		for _, match := range histogramComment.FindAllStringSubmatch(string(text), -1) {
			add(match[1], "s", otlptranslator.MetricTypeHistogram, "_bucket", "_sum", "_count")
		}
	}
	if len(names) < 100 {
		t.Fatalf("the dictionary has only %d names: are the files read at all?", len(names))
	}
	return names
}

func promLabel(name string) string { return strings.ReplaceAll(name, ".", "_") }

var (
	promName = regexp.MustCompile(`\b(?:heapgate|go_memory|go_goroutine|go_processor)_[a-z0-9_]+`)
	otelName = regexp.MustCompile(`\b(?:heapgate|go\.memory|go\.goroutine|go\.processor)\.[a-z0-9_.]*[a-z0-9_]`)
)

// notMetrics are words of ours that look like names of metrics.
var notMetrics = regexp.MustCompile(`^(heapgate\.dev|heapgate\.(rego|yaml|exe)|heapgate_(collector|gate)$)`)

// Everything outside the components that names a metric is held to the dictionary: commands, policies, rules,
// dashboards, examples and pages. A renamed metric breaks this test before it silences an alert.
func TestEveryMetricNameIsInTheDictionary(t *testing.T) {
	names := dictionary(t)
	found := 0
	err := filepath.WalkDir("..", func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			switch entry.Name() {
			case ".git", "bin", "metadata", "metadatatest", "fuzz":
				return filepath.SkipDir
			}
			return nil
		}
		switch filepath.Ext(path) {
		case ".go", ".rego", ".md", ".yaml", ".json", ".txtar", ".yml":
		default:
			return nil
		}
		if filepath.Base(path) == "names_test.go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, name := range append(promName.FindAllString(string(text), -1), otelName.FindAllString(string(text), -1)...) {
			if notMetrics.MatchString(name) || strings.HasSuffix(name, "_") || strings.HasSuffix(name, "_test.go") {
				continue
			}
			found++
			if !names[name] {
				t.Errorf("%s names %s, which no metadata.yaml has", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 100 {
		t.Errorf("only %d names were found: is the tree read at all?", found)
	}
}
