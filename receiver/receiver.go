// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"

	"github.com/heapgate/heapgate/internal/probe"
	"github.com/heapgate/heapgate/receiver/internal/metadata"
)

// runtimeReceiver owns the loops: Start starts them, Shutdown cancels and waits.
type runtimeReceiver struct {
	cfg       *Config
	set       receiver.Settings
	next      consumers
	telemetry *metadata.TelemetryBuilder
	obs       *receiverhelper.ObsReport
	log       *quietLog
	emitter   *emitter
	slots     *slots
	census    census

	cancel  context.CancelFunc
	loops   sync.WaitGroup
	files   *followers
	fleet   *fleet
	clients clients
	probers probers
	cache   *probe.Cache

	builds    *builds
	resources sync.Map // of targets, by id: pcommon.Resource

	profiling *profiling
}

// probers are the two ways to visit: what the operator wrote, and what somebody else said.
type probers struct{ trusted, guarded *probe.Prober }

func (p *probers) of(s *spec) *probe.Prober {
	if s.trusted {
		return p.trusted
	}
	return p.guarded
}

func (r *runtimeReceiver) newProbers() probers {
	l := &r.cfg.Limits
	s := probe.Settings{
		Timeout: r.cfg.HTTP.Timeout, MaxBodyBytes: int64(l.BodySize), MaxProfileBytes: int64(l.BodySize),
		MaxTraceBytes: int64(r.cfg.Sources.Trace.MaxSize) + 1, MaxSymbols: l.Symbols, MaxRecords: l.Records, MaxName: int(l.LabelLength), Cache: r.cache,
		LoadVar: r.cfg.Sources.Vars.Load,
	}
	return probers{probe.New(r.clients.trusted, s), probe.New(r.clients.guarded, s)}
}

func newReceiver(set receiver.Settings, cfg *Config) (*runtimeReceiver, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{ReceiverID: set.ID, Transport: "http", ReceiverCreateSettings: set})
	if err != nil {
		return nil, err
	}
	r := &runtimeReceiver{
		cfg: cfg, set: set, telemetry: telemetry, obs: obs,
		log:     newQuietLog(set.Logger, telemetry),
		emitter: newEmitter(cfg.MetricsBuilderConfig, set),
		builds:  newBuilds(cfg.Limits.Builds),
		cache:   probe.NewCache(probe.CacheLimits{Builds: cfg.Limits.Builds}),
		slots:   newSlots(cfg.Limits.ConcurrentScrapes, cfg.Limits.ConcurrentScrapesPerHost),
	}
	return r, nil
}

// Start begins to visit; the first visit of a target comes at its phase, within one interval.
func (r *runtimeReceiver) Start(ctx context.Context, host component.Host) error {
	guard, err := r.cfg.Discovery.guard()
	if err != nil {
		return err
	}
	if r.clients, err = r.cfg.HTTP.open(ctx, host.GetExtensions(), guard); err != nil {
		return err
	}
	r.probers, r.profiling = r.newProbers(), r.newProfiling()
	if err := r.observe(); err != nil {
		return err
	}
	r.fleet = newFleet(r.cfg.Limits.Targets, func(ctx context.Context, s spec) {
		r.loops.Go(func() { r.loop(ctx, r.newTarget(&s)) })
	})
	discoverer, err := r.newDiscoverer()
	if err != nil {
		return err
	}
	kept, err := openOffsets(ctx, r.cfg.Storage, host, r.set, r.cfg.Limits.GCTraceFiles, r.telemetry)
	if err != nil {
		return err
	}
	pods, err := r.podLogs()
	if err != nil {
		return err
	}
	// The context of Start ends with Start; the loops live until Shutdown.
	ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	r.files = newFollowers(r.cfg.Limits.GCTraceFiles, r.set.Logger, r.telemetry, kept)
	r.files.crashed, r.files.streams, r.files.maxRotated = r.crashed, r.cfg.Limits.LogStreams, int64(r.cfg.Limits.RotatedSize)
	r.files.pods = pods
	if kept != nil {
		r.loops.Go(func() { r.files.keep(ctx) })
	}
	r.fleet.apply(ctx, configured, r.cfg.specs())
	if discoverer != nil {
		discoverer.start(ctx)
	}
	if r.cfg.GCTrace.configured() {
		r.loops.Go(func() { r.loopFiles(ctx) })
	}
	return nil
}

// podLogs is the client for logs that the Kubernetes API hands out, nil where none are wanted.
func (r *runtimeReceiver) podLogs() (*podLogClient, error) {
	rules, err := r.cfg.Discovery.parse()
	if err != nil || rules.logs != podLogsAPI {
		return nil, err
	}
	return newPodLogClient(rules.sd)
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
		r.clients.close()
		err := r.files.offsets.close(ctx)
		r.telemetry.Shutdown()
		return err
	case <-ctx.Done():
		return fmt.Errorf("go_runtime did not stop in time: %w", ctx.Err())
	}
}
