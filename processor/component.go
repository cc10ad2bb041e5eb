// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"context"
	"errors"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
)

// components are those that stand in a pipeline, by their configuration: the collector gives the same one for each pipeline.
type components struct {
	mu       sync.Mutex
	byConfig map[*Config]*shared
}

// shared is what one go_signals has in common in all its pipelines: what changes in a pipeline of metrics is told in those of
// logs, and baselines are of workloads, whichever pipeline they came by. What is remembered of targets is not shared: where
// two pipelines hear the same target, the second would find each observation heard already.
type shared struct {
	of        *components
	cfg       *Config
	baselines *baselines

	mu        sync.Mutex
	pipelines int // that it stands in
	started   bool

	outletsMu sync.RWMutex // held while logs are handed on, so that none come after a pipeline has ended
	outlets   []*outlet    // that are open
}

func newComponents() *components { return &components{byConfig: map[*Config]*shared{}} }

// join counts one more pipeline, the first of which makes the component.
func (c *components) join(set processor.Settings, cfg *Config) (*shared, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.byConfig[cfg]
	if s == nil {
		learned, err := newBaselines(cfg.Baseline, set)
		if err != nil {
			return nil, err
		}
		s = &shared{of: c, cfg: cfg, baselines: learned}
		c.byConfig[cfg] = s
	}
	s.pipelines++
	return s, nil
}

// start is called by each pipeline of metrics; the first counts.
func (s *shared) start(ctx context.Context, host component.Host) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.baselines == nil {
		return nil
	}
	s.started = true
	return s.baselines.start(ctx, host)
}

// leave is called by each pipeline; the last ends the component.
func (s *shared) leave(ctx context.Context) error {
	s.of.mu.Lock()
	s.pipelines--
	last := s.pipelines == 0
	if last {
		delete(s.of.byConfig, s.cfg)
	}
	s.of.mu.Unlock()
	if !last {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started {
		return nil
	}
	s.started = false
	return s.baselines.shutdown(ctx)
}

// outlet is the component in one pipeline of logs.
type outlet struct {
	*shared
	next consumer.Logs
}

func (o *outlet) start(context.Context, component.Host) error {
	o.outletsMu.Lock()
	defer o.outletsMu.Unlock()
	o.outlets = append(o.outlets, o)
	return nil
}

func (o *outlet) shutdown(ctx context.Context) error {
	o.outletsMu.Lock()
	o.outlets = slices.DeleteFunc(o.outlets, func(other *outlet) bool { return other == o })
	o.outletsMu.Unlock()
	return o.leave(ctx)
}

// forward hands on logs as they came.
func (*outlet) forward(_ context.Context, logs plog.Logs) (plog.Logs, error) { return logs, nil }

// tell hands a record of each change to all pipelines of logs; false if there is none.
func (s *shared) tell(ctx context.Context, logs plog.Logs) (bool, error) {
	s.outletsMu.RLock()
	defer s.outletsMu.RUnlock()
	var errs []error
	for i, o := range s.outlets {
		own := logs
		if i+1 < len(s.outlets) { // who comes next may change what it gets
			own = plog.NewLogs()
			logs.CopyTo(own)
		}
		errs = append(errs, o.next.ConsumeLogs(ctx, own))
	}
	return len(s.outlets) > 0, errors.Join(errs...)
}
