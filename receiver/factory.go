// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/xconsumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/xreceiver"

	"github.com/heapgate/heapgate/receiver/internal/metadata"
)

// NewFactory makes receivers of type go_runtime. One that stands in pipelines of several signals is one receiver: each
// target is visited once.
func NewFactory() receiver.Factory {
	all := &receivers{byConfig: map[*Config]*shared{}}
	return xreceiver.NewFactory(
		metadata.Type,
		func() component.Config { return createDefaultConfig() },
		xreceiver.WithMetrics(func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
			return all.share(set, cfg, func(c *consumers) { c.metrics = next })
		}, metadata.MetricsStability),
		xreceiver.WithLogs(func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
			return all.share(set, cfg, func(c *consumers) { c.logs = next })
		}, metadata.LogsStability),
		xreceiver.WithProfiles(func(_ context.Context, set receiver.Settings, cfg component.Config, next xconsumer.Profiles) (xreceiver.Profiles, error) {
			return all.share(set, cfg, func(c *consumers) { c.profiles = next })
		}, metadata.ProfilesStability),
	)
}

// consumers are what comes next, by signal; nil where the receiver stands in no such pipeline.
type consumers struct {
	metrics  consumer.Metrics
	logs     consumer.Logs
	profiles xconsumer.Profiles
}

// receivers are those that were made and not shut down, by their configuration: the collector gives the same one for
// each signal of a receiver.
type receivers struct {
	mu       sync.Mutex
	byConfig map[*Config]*shared
}

// shared is one receiver as it stands in pipelines of several signals. It starts with the first and ends with the first.
type shared struct {
	*runtimeReceiver
	of                 *receivers
	starting, stopping sync.Once
	started, stopped   error
}

func (r *receivers) share(set receiver.Settings, cfg component.Config, join func(*consumers)) (*shared, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	config := cfg.(*Config)
	s := r.byConfig[config]
	if s == nil {
		one, err := newReceiver(set, config)
		if err != nil {
			return nil, err
		}
		s = &shared{runtimeReceiver: one, of: r}
		r.byConfig[config] = s
	}
	join(&s.next)
	return s, nil
}

// Start starts the receiver, once.
func (s *shared) Start(ctx context.Context, host component.Host) error {
	s.starting.Do(func() { s.started = s.runtimeReceiver.Start(ctx, host) })
	return s.started
}

// Shutdown stops the receiver, once, and forgets it.
func (s *shared) Shutdown(ctx context.Context) error {
	s.stopping.Do(func() {
		s.of.mu.Lock()
		delete(s.of.byConfig, s.cfg)
		s.of.mu.Unlock()
		s.stopped = s.runtimeReceiver.Shutdown(ctx)
	})
	return s.stopped
}
