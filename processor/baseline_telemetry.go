// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/heapgate/heapgate/processor/internal/metadata"
)

// baselineTelemetry is what the learning says of itself.
type baselineTelemetry struct {
	workloads metric.Int64Gauge
	lost      metric.Int64Counter // by reason: limit, age, full, no_workload
	failures  metric.Int64Counter // by reason: read, write, damaged, version
}

func newBaselineTelemetry(set component.TelemetrySettings) (*baselineTelemetry, error) {
	meter := metadata.Meter(set)
	workloads, err1 := meter.Int64Gauge("otelcol_processor_go_signals_baselines", metric.WithUnit("{workload}"),
		metric.WithDescription("Number of workloads whose usual signals are remembered."))
	lost, err2 := meter.Int64Counter("otelcol_processor_go_signals_baselines_lost", metric.WithUnit("{event}"),
		metric.WithDescription("Number of baselines forgotten (reason limit = made room for a new workload, age = none of it is recent) "+
			"and of observations without one (full = no room at max_workloads, no_workload = the resource names none)."))
	failures, err3 := meter.Int64Counter("otelcol_processor_go_signals_baselines_failed", metric.WithUnit("{failure}"),
		metric.WithDescription("Number of times that baselines could not be read or written, or that what was read was damaged or of another version."))
	return &baselineTelemetry{workloads, lost, failures}, errors.Join(err1, err2, err3)
}

func (t *baselineTelemetry) held(ctx context.Context, n int) { t.workloads.Record(ctx, int64(n)) }

func (t *baselineTelemetry) lose(ctx context.Context, n int, reason string) {
	if n > 0 {
		t.lost.Add(ctx, int64(n), metric.WithAttributes(attribute.String("reason", reason)))
	}
}

func (t *baselineTelemetry) fail(ctx context.Context, reason string) {
	t.failures.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", reason)))
}
