// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"

	"github.com/heapgate/heapgate/internal/signal"
	"github.com/heapgate/heapgate/processor/internal/metadata"
)

// goSignals is the processor in one pipeline of metrics: it has no goroutine, all that it remembers of targets is in state.
type goSignals struct {
	*shared
	state     *state
	emitter   *emitter
	telemetry *telemetry
	maxSeries int
}

func newProcessor(set processor.Settings, cfg *Config, common *shared) (*goSignals, error) {
	own, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &goSignals{common, newState(cfg), newEmitter(set, cfg.Metrics), &telemetry{own}, cfg.MaxSeries}, nil
}

func (p *goSignals) shutdown(ctx context.Context) error {
	p.telemetry.Shutdown()
	return p.leave(ctx)
}

// process appends signals to the batch. It never fails: what cannot be used is counted and goes on as it came.
func (p *goSignals) process(ctx context.Context, batch pmetric.Metrics) (pmetric.Metrics, error) {
	now := time.Now()
	p.telemetry.evicted(ctx, p.state.expire(now), "age")
	var r signal.Report
	var changed changeLog
	for _, rm := range batch.ResourceMetrics().All() {
		r.Reset()
		p.resource(ctx, now, rm, &r)
		changed.add(now, p.emitter.version, rm.Resource(), r.Changes, &p.emitter.templates)
	}
	p.announce(ctx, &changed)
	targets, size := p.state.held()
	p.telemetry.ProcessorGoSignalsTargets.Record(ctx, int64(targets))
	p.telemetry.ProcessorGoSignalsStateSize.Record(ctx, size)
	return batch, nil
}

func (p *goSignals) resource(ctx context.Context, now time.Time, rm pmetric.ResourceMetrics, r *signal.Report) {
	observation := decode(rm, r)
	if empty(&observation) {
		p.telemetry.notes(ctx, r.Notes)
		return
	}
	p.telemetry.ProcessorGoSignalsObservations.Add(ctx, 1)
	if id, ok := identify(rm.Resource()); !ok {
		refuse(r, &observation, noIdentity)
	} else {
		p.observe(ctx, now, id, rm, &observation, r)
	}
	if over := len(r.Signals) - p.maxSeries; over > 0 {
		r.Signals = fewest(r.Signals, p.maxSeries)
		r.Notes = append(r.Notes, signal.Note{Event: signal.Refused, Subject: signal.OfSignal, Reason: signal.TooMany, N: over})
	}
	p.telemetry.notes(ctx, r.Notes)
	p.emitter.emit(rm, r.Signals)
}

func (p *goSignals) observe(ctx context.Context, now time.Time, id identity, rm pmetric.ResourceMetrics, o *signal.Observation, r *signal.Report) {
	if p.baselines != nil {
		p.baselines.peers(now, rm.Resource(), o)
	}
	told, displaced, refused := p.state.observe(now, id, *o, r)
	p.telemetry.evicted(ctx, displaced, "limit")
	p.telemetry.changed(ctx, told.first, "first")
	p.telemetry.changed(ctx, told.limited, "limited")
	if refused != "" {
		refuse(r, o, refused)
		return
	}
	if p.baselines != nil {
		p.baselines.judge(now, rm.Resource(), o, r)
	}
}

// fewest keeps the first `most` signals, those of the process before those of its sites.
func fewest(signals []signal.Signal, most int) []signal.Signal {
	kept := make([]signal.Signal, 0, most)
	for _, sited := range []bool{false, true} {
		for i := range signals {
			if (signals[i].Site != nil) == sited && len(kept) < most {
				kept = append(kept, signals[i])
			}
		}
	}
	return kept
}

// announce tells the changes in the pipelines of logs. That one of these fails is not the fault of the metrics.
func (p *goSignals) announce(ctx context.Context, changed *changeLog) {
	if changed.n == 0 {
		return
	}
	outcome := "logged"
	if piped, err := p.tell(ctx, changed.logs); !piped {
		outcome = "no_pipeline"
	} else if err != nil {
		outcome = "failed"
	}
	p.telemetry.changed(ctx, changed.n, outcome)
}

// refuse notes the parts that are there.
func refuse(r *signal.Report, o *signal.Observation, why signal.Reason) {
	for _, part := range []struct {
		there   bool
		subject signal.Subject
	}{
		{o.Heap != nil, signal.OfHeap}, {o.Trace != nil, signal.OfTrace}, {o.CPU != nil, signal.OfCPU}, {o.Exec != nil, signal.OfExec},
		{o.Goroutines != nil, signal.OfGoroutines},
	} {
		if part.there {
			r.Refuse(part.subject, why)
		}
	}
}
