// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/heapgate/heapgate/internal/signal"
	"github.com/heapgate/heapgate/processor/internal/metadata"
)

// goSignals is the processor: it has no goroutine, all its state is in state.
type goSignals struct {
	state     *state
	emitter   *emitter
	telemetry *metadata.TelemetryBuilder
}

func newProcessor(set processor.Settings, cfg *Config) (*goSignals, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &goSignals{newState(cfg), newEmitter(set, cfg.Metrics), telemetry}, nil
}

func (p *goSignals) shutdown(context.Context) error {
	p.telemetry.Shutdown()
	return nil
}

// process appends signals to the batch. It never fails: what cannot be used is counted and goes on as it came.
func (p *goSignals) process(ctx context.Context, batch pmetric.Metrics) (pmetric.Metrics, error) {
	now := time.Now()
	p.evicted(ctx, p.state.expire(now), "age")
	var r signal.Report
	for _, rm := range batch.ResourceMetrics().All() {
		r.Reset()
		p.resource(ctx, now, rm, &r)
	}
	p.telemetry.ProcessorGoSignalsTargets.Record(ctx, int64(p.state.held()))
	return batch, nil
}

func (p *goSignals) resource(ctx context.Context, now time.Time, rm pmetric.ResourceMetrics, r *signal.Report) {
	observation := decode(rm, r)
	if observation.Heap == nil && observation.Trace == nil {
		p.notes(ctx, r.Notes)
		return
	}
	p.telemetry.ProcessorGoSignalsObservations.Add(ctx, 1)
	if id, ok := identify(rm.Resource()); !ok {
		refuse(r, observation, noIdentity)
	} else {
		displaced, full := p.state.observe(now, id, observation, r)
		if full {
			refuse(r, observation, noRoom)
		}
		if displaced {
			p.evicted(ctx, 1, "limit")
		}
	}
	p.notes(ctx, r.Notes)
	p.emitter.emit(rm, r.Signals)
}

// refuse notes the halves that are there.
func refuse(r *signal.Report, o signal.Observation, why signal.Reason) {
	if o.Heap != nil {
		r.Refuse(signal.OfHeap, why)
	}
	if o.Trace != nil {
		r.Refuse(signal.OfTrace, why)
	}
}

func (p *goSignals) evicted(ctx context.Context, n int, reason string) {
	if n > 0 {
		p.telemetry.ProcessorGoSignalsEvicted.Add(ctx, int64(n), metric.WithAttributes(attribute.String("reason", reason)))
	}
}

func (p *goSignals) notes(ctx context.Context, notes []signal.Note) {
	for _, n := range notes {
		counter := p.telemetry.ProcessorGoSignalsRefused
		if n.Event == signal.Restarted {
			counter = p.telemetry.ProcessorGoSignalsRestarts
		}
		counter.Add(ctx, int64(n.N), metric.WithAttributes(
			attribute.String("subject", string(n.Subject)), attribute.String("reason", string(n.Reason))))
	}
}
