// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"

	"go.opentelemetry.io/otel/metric"
)

// failureCounters are those of Prometheus' discoveries, one for each failure: a watch or list of the Kubernetes API, a list
// over HTTP or of a cloud, a DNS lookup, a file.
var failureCounters = map[string]bool{
	"prometheus_sd_kubernetes_failures_total": true, "prometheus_sd_refresh_failures_total": true,
	"prometheus_sd_dns_lookup_failures_total": true, "prometheus_sd_file_read_errors_total": true,
}

// observe makes the collector's own telemetry ask how discovery does.
func (d *discoverer) observe() error {
	err := d.receiver.telemetry.RegisterReceiverGoRuntimeDiscoveryTargetsCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(int64(d.fleet.discovered()))
		return nil
	})
	if err != nil {
		return err
	}
	return d.receiver.telemetry.RegisterReceiverGoRuntimeDiscoveryFailuresCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(d.failures())
		return nil
	})
}

// failures counts what discoveries asked for in vain.
func (d *discoverer) failures() (n int64) {
	for _, registry := range d.registries {
		families, err := registry.Gather()
		if err != nil {
			continue // a registry of counters has none
		}
		for _, family := range families {
			if !failureCounters[family.GetName()] {
				continue
			}
			for _, m := range family.GetMetric() {
				n += int64(m.GetCounter().GetValue())
			}
		}
	}
	return n
}
