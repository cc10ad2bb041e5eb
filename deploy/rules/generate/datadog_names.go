// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/otlptranslator"
	"gopkg.in/yaml.v3"
)

// metrics knows metrics and labels of Prometheus by the names that OpenTelemetry, and so Datadog, has for them.
type metrics struct {
	names map[string]string // metric
	tags  map[string]string // label
}

// Labels that are resource attributes, and those that Prometheus makes of the service's identity.
var resourceTags = map[string]string{
	"k8s_cluster_name": "k8s.cluster.name", "k8s_namespace_name": "k8s.namespace.name", "k8s_container_name": "k8s.container.name", "k8s_node_name": "k8s.node.name",
	"heapgate_workload_kind": "heapgate.workload.kind", "heapgate_workload_name": "heapgate.workload.name",
	"service_version": "service.version", "job": "service", "instance": "service.instance.id",
}

// readMetrics reads the dictionary: the metadata.yaml of the components, and that of the command, whose metrics only Prometheus' format
// serves and which keep their names.
func readMetrics(root string) (*metrics, error) {
	m := &metrics{names: map[string]string{}, tags: map[string]string{}}
	for label, tag := range resourceTags {
		m.tags[label] = tag
	}
	for _, component := range []string{"receiver", "processor", "exporter", "cmd/heapgate"} {
		text, err := os.ReadFile(filepath.Join(root, component, "metadata.yaml"))
		if err != nil {
			return nil, err
		}
		var file struct {
			Attributes map[string]any `yaml:"attributes"`
			Metrics    map[string]struct {
				Unit string `yaml:"unit"`
				Sum  *struct {
					Monotonic bool `yaml:"monotonic"`
				} `yaml:"sum"`
			} `yaml:"metrics"`
		}
		if err := yaml.Unmarshal(text, &file); err != nil {
			return nil, fmt.Errorf("%s: %w", component, err)
		}
		for name := range file.Attributes {
			m.tags[strings.ReplaceAll(name, ".", "_")] = name
		}
		for name, one := range file.Metrics {
			var kind otlptranslator.MetricType = otlptranslator.MetricTypeGauge
			if one.Sum != nil && one.Sum.Monotonic {
				kind = otlptranslator.MetricTypeMonotonicCounter
			}
			namer := otlptranslator.MetricNamer{WithMetricSuffixes: true}
			prom, err := namer.Build(otlptranslator.Metric{Name: name, Unit: one.Unit, Type: kind})
			if err != nil {
				return nil, err
			}
			if component == "cmd/heapgate" {
				name = prom
			}
			m.names[prom] = name
		}
	}
	return m, nil
}
