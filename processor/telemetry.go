// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/heapgate/heapgate/internal/signal"
	"github.com/heapgate/heapgate/processor/internal/metadata"
)

// telemetry is what the processor says of itself.
type telemetry struct{ *metadata.TelemetryBuilder }

func (t *telemetry) evicted(ctx context.Context, n int, reason string) {
	if n > 0 {
		t.ProcessorGoSignalsEvicted.Add(ctx, int64(n), metric.WithAttributes(attribute.String("reason", reason)))
	}
}

// changed counts changes by what became of them: logged, failed, no_pipeline, first or limited.
func (t *telemetry) changed(ctx context.Context, n int, outcome string) {
	if n > 0 {
		t.ProcessorGoSignalsChanges.Add(ctx, int64(n), metric.WithAttributes(attribute.String("outcome", outcome)))
	}
}

func (t *telemetry) notes(ctx context.Context, notes []signal.Note) {
	for _, n := range notes {
		counter := t.ProcessorGoSignalsRefused
		if n.Event == signal.Restarted {
			counter = t.ProcessorGoSignalsRestarts
		}
		counter.Add(ctx, int64(n.N), metric.WithAttributes(
			attribute.String("subject", string(n.Subject)), attribute.String("reason", string(n.Reason))))
	}
}
