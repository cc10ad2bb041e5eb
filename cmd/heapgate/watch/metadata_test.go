// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/otlptranslator"
	"gopkg.in/yaml.v3"
)

// The dictionary beside this package and the metrics themselves name the same things.
func TestMetricsAreInTheDictionary(t *testing.T) {
	text, err := os.ReadFile("../metadata.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var dictionary struct {
		Attributes map[string]struct{ Enum []string }
		Metrics    map[string]struct {
			Unit       string
			Sum        *struct{ Monotonic bool }
			Attributes []string
		}
	}
	if err := yaml.Unmarshal(text, &dictionary); err != nil {
		t.Fatal(err)
	}
	var want []string
	namer := otlptranslator.MetricNamer{WithMetricSuffixes: true}
	for name, metric := range dictionary.Metrics {
		if strings.HasPrefix(name, "heapgate.serve.") {
			continue // another command's
		}
		kind := otlptranslator.MetricType(otlptranslator.MetricTypeGauge)
		if metric.Sum != nil && metric.Sum.Monotonic {
			kind = otlptranslator.MetricTypeMonotonicCounter
		}
		prom, err := namer.Build(otlptranslator.Metric{Name: name, Unit: metric.Unit, Type: kind})
		if err != nil {
			t.Fatal(err)
		}
		labels := slices.Clone(metric.Attributes)
		for i := range labels {
			labels[i] = strings.ReplaceAll(labels[i], ".", "_")
		}
		want = append(want, prom+"{"+strings.Join(labels, ",")+"}")
	}
	descriptions := make(chan *prometheus.Desc, 10)
	newCollector(&Watcher{}).Describe(descriptions)
	close(descriptions)
	var got []string
	parts := regexp.MustCompile(`fqName: "([^"]*)".*variableLabels: \{([^}]*)\}`)
	for d := range descriptions {
		found := parts.FindStringSubmatch(d.String())
		got = append(got, found[1]+"{"+found[2]+"}")
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("metrics    %q\ndictionary %q", got, want)
	}
	var states []string
	for _, state := range []State{Passed, Measuring, Failed, Inconclusive, None, Unpinned} {
		states = append(states, string(state))
	}
	slices.Sort(states)
	if !slices.Equal(states, dictionary.Attributes["state"].Enum) {
		t.Errorf("states %q, in the dictionary %q", states, dictionary.Attributes["state"].Enum)
	}
}
