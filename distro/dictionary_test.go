// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/otlptranslator"
	"gopkg.in/yaml.v3"
)

// metadata is what these tests need of a component's metadata.yaml.
type metadata struct {
	Attributes map[string]any    `yaml:"attributes"`
	Metrics    map[string]metric `yaml:"metrics"`
	Telemetry  struct {
		Metrics map[string]metric `yaml:"metrics"` // the component's own
	} `yaml:"telemetry"`
}

type metric struct {
	Prefix     string   `yaml:"prefix"`
	Unit       string   `yaml:"unit"`
	Attributes []string `yaml:"attributes"`
	Histogram  any      `yaml:"histogram"`
	Sum        *struct {
		Monotonic bool `yaml:"monotonic"`
	} `yaml:"sum"`
}

func (m metric) kind() otlptranslator.MetricType {
	switch {
	case m.Histogram != nil:
		return otlptranslator.MetricTypeHistogram
	case m.Sum == nil:
		return otlptranslator.MetricTypeGauge
	case m.Sum.Monotonic:
		return otlptranslator.MetricTypeMonotonicCounter
	}
	return otlptranslator.MetricTypeNonMonotonicCounter
}

// names holds every name that we emit or read.
type names struct {
	known  map[string]bool            // metrics and attributes, as OpenTelemetry writes them and as Prometheus does
	labels map[string]map[string]bool // of the series of a metric in Prometheus
}

var (
	// Whoever scrapes or stores a series adds these.
	storeLabels = []string{"job", "instance", "k8s_cluster_name"}
	// Attributes that a component puts on its own telemetry by hand, and those of the collector's helpers.
	telemetryLabels = []string{"reason", "subject", "result", "receiver", "exporter", "processor", "transport", "source", "state", "limit", "kind", "outcome"}
	// Rooms of the collector whose own telemetry our rules read.
	collectorModules = []string{"receiver/receiverhelper", "exporter/exporterhelper", "service"}

	histogramComment  = regexp.MustCompile(`(?m)^# histogram: (\S+)$`)
	resourceAttribute = regexp.MustCompile(`(?m)^\tattr\w+ += "([a-z0-9_.]+)"$`)
)

// dictionary reads the names where they are defined: in the metadata.yaml of our components and of the collector's, and the
// resource attributes in the receiver.
func dictionary(t *testing.T) *names {
	t.Helper()
	d := &names{known: map[string]bool{}, labels: map[string]map[string]bool{}}
	var resource []string
	for _, match := range resourceAttribute.FindAllStringSubmatch(read(t, "../receiver/resource.go"), -1) {
		resource = append(resource, match[1])
	}
	if !slices.Contains(resource, "heapgate.workload.name") {
		t.Fatalf("receiver/resource.go has the resource attributes %q: is it read at all?", resource)
	}
	d.words(resource...)
	d.words("heapgate.process.crash", "heapgate.crash.note", "heapgate.goroutine.id", "heapgate.profile.kind", "heapgate.profile.temporality", "heapgate.confidence", "heapgate.tier", "heapgate.signal.change", "heapgate.from", "heapgate.to") // the crash event, and attributes of OTLP profiles
	d.add(t, "../receiver/metadata.yaml", resource)
	d.add(t, "../processor/metadata.yaml", resource)
	d.add(t, "../exporter/metadata.yaml", nil)
	d.add(t, "../connector/metadata.yaml", nil)
	d.add(t, "../cmd/heapgate/metadata.yaml", nil)
	for _, module := range collectorModules {
		dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "go.opentelemetry.io/collector/"+module).Output()
		if err != nil {
			t.Fatalf("%s: %v", module, err)
		}
		d.add(t, filepath.Join(strings.TrimSpace(string(dir)), "metadata.yaml"), nil)
	}
	if len(d.known) < 150 || len(d.labels) < 80 {
		t.Fatalf("the dictionary has only %d names and %d metrics: are the files read at all?", len(d.known), len(d.labels))
	}
	return d
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// words takes names that are no metrics.
func (d *names) words(all ...string) {
	for _, name := range all {
		d.known[name], d.known[promLabel(name)] = true, true
	}
}

// add takes the names of one metadata.yaml, whose metrics carry these resource attributes.
func (d *names) add(t *testing.T, file string, resource []string) {
	t.Helper()
	text := read(t, file)
	var m metadata
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for name := range m.Attributes {
		d.words(name)
	}
	for name, metric := range m.Metrics {
		d.metric(t, name, metric, slices.Concat(resource, metric.Attributes))
	}
	for _, match := range histogramComment.FindAllStringSubmatch(text, -1) {
		d.metric(t, match[1], metric{Unit: "s", Histogram: true}, resource)
	}
	for name, metric := range m.Telemetry.Metrics {
		if metric.Prefix == "" {
			metric.Prefix = "otelcol_"
		}
		labels := slices.Concat(telemetryLabels, metric.Attributes)
		d.metric(t, metric.Prefix+name, metric, labels)
		d.series(promLabel(metric.Prefix+name), labels) // as the collector's own Prometheus endpoint writes it: without suffixes
	}
}

// metric takes one metric under its OpenTelemetry name, its Prometheus names and the names of its groups: "heapgate.signal" is a
// fair way to speak of all of them.
func (d *names) metric(t *testing.T, name string, m metric, labels []string) {
	t.Helper()
	namer := otlptranslator.MetricNamer{WithMetricSuffixes: true}
	prom, err := namer.Build(otlptranslator.Metric{Name: name, Unit: m.Unit, Type: m.kind()})
	if err != nil {
		t.Fatal(err)
	}
	d.known[name] = true
	for i, r := range name {
		if r == '.' {
			d.known[name[:i]] = true
		}
	}
	d.series(prom, labels)
	if m.Histogram != nil {
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			d.series(prom+suffix, append(labels, "le"))
		}
	}
}

func (d *names) series(prom string, labels []string) {
	d.known[prom] = true
	if d.labels[prom] == nil {
		d.labels[prom] = map[string]bool{}
	}
	for _, label := range slices.Concat(storeLabels, labels) {
		d.labels[prom][promLabel(label)] = true
	}
}

func promLabel(name string) string { return strings.ReplaceAll(name, ".", "_") }
