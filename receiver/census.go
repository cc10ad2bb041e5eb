// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// census is what the collector's own telemetry is told of all targets together.
type census struct {
	mu        sync.Mutex
	states    map[targetState]int64
	stretched int64
	kept      int64 // bytes of state, estimated
}

// targetState is what the last visit of a target's first source came to.
type targetState string

const (
	stateNew  targetState = "new"
	stateUp   targetState = "up"
	stateDown targetState = "down"
)

// censusEntry is one target's part in the census.
type censusEntry struct {
	state     targetState
	stretched int64
	kept      int64
}

// count takes a target's part as it was out of the census, and puts it in as it is. A zero entry is none.
func (c *census) count(was, is censusEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.states == nil {
		c.states = map[targetState]int64{}
	}
	if was.state != "" {
		c.states[was.state]--
	}
	if is.state != "" {
		c.states[is.state]++
	}
	c.stretched += is.stretched - was.stretched
	c.kept += is.kept - was.kept
}

// room tells whether a target that keeps so many bytes may keep so many more.
func (c *census) room(more, limit int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept+more <= limit
}

// observe lets the collector's telemetry ask.
func (r *runtimeReceiver) observe() error {
	c := &r.census
	if err := r.telemetry.RegisterReceiverGoRuntimeTargetsCallback(func(_ context.Context, o metric.Int64Observer) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, state := range []targetState{stateNew, stateUp, stateDown} {
			o.Observe(c.states[state], metric.WithAttributes(attribute.String("state", string(state))))
		}
		return nil
	}); err != nil {
		return err
	}
	if err := r.telemetry.RegisterReceiverGoRuntimeSourcesStretchedCallback(func(_ context.Context, o metric.Int64Observer) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		o.Observe(c.stretched)
		return nil
	}); err != nil {
		return err
	}
	if err := r.telemetry.RegisterReceiverGoRuntimeStateSizeCallback(func(_ context.Context, o metric.Int64Observer) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		o.Observe(c.kept + r.cache.Stats().Bytes)
		return nil
	}); err != nil {
		return err
	}
	if err := r.telemetry.RegisterReceiverGoRuntimeSymbolBuildsCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(int64(r.cache.Stats().Builds))
		return nil
	}); err != nil {
		return err
	}
	return r.telemetry.RegisterReceiverGoRuntimeSymbolLookupsCallback(func(_ context.Context, o metric.Int64Observer) error {
		stats := r.cache.Stats()
		o.Observe(stats.Hits, metric.WithAttributes(attribute.String("result", "hit")))
		o.Observe(stats.Misses, metric.WithAttributes(attribute.String("result", "miss")))
		return nil
	})
}
