// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/heapgate/heapgate/internal/probe"
	"github.com/heapgate/heapgate/receiver/internal/metadata"
)

// runtimeReceiver owns the loops: Start starts them, Shutdown cancels and waits.
type runtimeReceiver struct {
	cfg       *Config
	set       receiver.Settings
	next      consumer.Metrics
	telemetry *metadata.TelemetryBuilder
	obs       *receiverhelper.ObsReport
	emitter   *emitter
	slots     chan struct{} // one for each visit that may run at once

	cancel context.CancelFunc
	loops  sync.WaitGroup
	files  *followers
	fleet  *fleet
	client *http.Client
}

func newReceiver(set receiver.Settings, cfg *Config, next consumer.Metrics) (*runtimeReceiver, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{ReceiverID: set.ID, Transport: "http", ReceiverCreateSettings: set})
	if err != nil {
		return nil, err
	}
	return &runtimeReceiver{
		cfg: cfg, set: set, next: next, telemetry: telemetry, obs: obs,
		emitter: newEmitter(cfg.MetricsBuilderConfig, set),
		slots:   make(chan struct{}, cfg.Limits.ConcurrentScrapes),
	}, nil
}

// Start begins to visit; the first visit of a target comes at its phase, within one interval.
func (r *runtimeReceiver) Start(ctx context.Context, host component.Host) error {
	client, err := r.cfg.HTTP.ToClient(ctx, host.GetExtensions(), r.set.TelemetrySettings)
	if err != nil {
		return fmt.Errorf("http: %w", err)
	}
	prober := probe.New(client, probe.Settings{
		Timeout:      r.cfg.HTTP.Timeout,
		MaxBodyBytes: int64(r.cfg.Limits.BodySize),
		Goroutines:   true,
	})
	r.fleet = newFleet(r.cfg.Limits.Targets, func(ctx context.Context, s spec) {
		r.loops.Go(func() { r.loop(ctx, newTarget(&s, r.cfg.Sites.Top, prober)) })
	})
	discoverer, err := r.newDiscoverer()
	if err != nil {
		return err
	}
	kept, err := openOffsets(ctx, r.cfg.Storage, host, r.set, r.cfg.Limits.GCTraceFiles, r.telemetry)
	if err != nil {
		return err
	}
	// The context of Start ends with Start; the loops live until Shutdown.
	ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	r.client = client
	r.files = newFollowers(r.cfg.Limits.GCTraceFiles, r.set.Logger, r.telemetry, kept)
	if kept != nil {
		r.loops.Go(func() { r.files.keep(ctx) })
	}
	r.fleet.apply(ctx, configured, r.cfg.specs())
	if discoverer != nil {
		discoverer.start(ctx)
	}
	if len(r.cfg.GCTrace.Files) > 0 {
		r.loops.Go(func() { r.loopFiles(ctx) })
	}
	return nil
}

// Shutdown returns when no loop runs any more, or with the context's error.
func (r *runtimeReceiver) Shutdown(ctx context.Context) error {
	if r.cancel == nil {
		return nil
	}
	r.cancel()
	done := make(chan struct{})
	go func() {
		r.loops.Wait() // only loops start followers
		r.files.wait()
		close(done)
	}()
	select {
	case <-done:
		r.client.CloseIdleConnections()
		err := r.files.offsets.close(ctx)
		r.telemetry.Shutdown()
		return err
	case <-ctx.Done():
		return fmt.Errorf("go_runtime did not stop in time: %w", ctx.Err())
	}
}

// deliver hands a batch on. A consumer that refuses is told to the log and to the collector's own telemetry; cumulative
// series carry what was refused into the next batch.
func (r *runtimeReceiver) deliver(ctx context.Context, batch batch) {
	metrics := batch.metrics
	if metrics.DataPointCount() == 0 {
		return
	}
	points := metrics.DataPointCount()
	ctx = r.obs.StartMetricsOp(ctx)
	err := r.next.ConsumeMetrics(ctx, metrics)
	r.obs.EndMetricsOp(ctx, metadata.Type.String(), points, err)
	if err != nil && ctx.Err() == nil {
		r.set.Logger.Warn("the next component refused a batch", zap.String("target", batch.target), zap.Error(err))
	}
}
