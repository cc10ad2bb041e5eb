// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/heapgate/heapgate/connector/internal/metadata"
)

// goProfiles is the connector: it has no goroutine, all its state is in memory.
type goProfiles struct {
	component.StartFunc
	cfg       *Config
	next      consumer.Metrics
	version   string
	telemetry *metadata.TelemetryBuilder

	mu     sync.Mutex
	memory *memory
}

func newConnector(set connector.Settings, cfg *Config, next consumer.Metrics) (*goProfiles, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &goProfiles{cfg: cfg, next: next, version: set.BuildInfo.Version, telemetry: telemetry, memory: newMemory(cfg)}, nil
}

func (c *goProfiles) Shutdown(context.Context) error {
	c.telemetry.Shutdown()
	return nil
}

// Capabilities: what arrives is only read.
func (c *goProfiles) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// ConsumeProfiles sends a batch of metrics for each snapshot of a heap profile. What cannot be used is counted and is no error:
// nobody could send it better again.
func (c *goProfiles) ConsumeProfiles(ctx context.Context, profiles pprofile.Profiles) error {
	d := &dictionary{profiles.Dictionary(), map[int32]place{}}
	now := time.Now()
	out := pmetric.NewMetrics()
	c.mu.Lock()
	for _, rp := range profiles.ResourceProfiles().All() {
		for _, s := range read(d, rp, c.cfg) {
			if r, ok := c.reading(ctx, now, d, rp.Resource(), s); ok {
				emit(rp.Resource(), &r, c.version).ResourceMetrics().MoveAndAppendTo(out.ResourceMetrics())
			}
		}
	}
	expired, held := c.memory.expire(now), len(c.memory.targets)
	c.mu.Unlock()
	if expired > 0 {
		c.telemetry.ConnectorGoProfilesEvicted.Add(ctx, int64(expired), reason("age"))
	}
	c.telemetry.ConnectorGoProfilesTargets.Record(ctx, int64(held))
	if out.ResourceMetrics().Len() == 0 {
		return nil
	}
	return c.next.ConsumeMetrics(ctx, out)
}

// reading learns from a snapshot; false if it cannot be used.
func (c *goProfiles) reading(ctx context.Context, now time.Time, d *dictionary, resource pcommon.Resource, s *snapshot) (reading, bool) {
	why := s.refused
	var w weighed
	if why == "" {
		var runtime string
		if v, ok := resource.Attributes().Get("process.runtime.version"); ok {
			runtime = v.AsString()
		}
		w, why = weigh(d, s, runtime)
	}
	var t *target
	if why == "" {
		t, why = c.target(now, resource, s.end)
	}
	switch why {
	case "":
	case notHeap:
		c.telemetry.ConnectorGoProfilesProfiles.Add(ctx, 1, result(notHeap))
		return reading{}, false
	default:
		c.telemetry.ConnectorGoProfilesProfiles.Add(ctx, 1, result("refused"))
		c.refuse(ctx, "snapshot", why, 1)
		return reading{}, false
	}
	r := t.learn(s, &w, c.cfg)
	c.telemetry.ConnectorGoProfilesProfiles.Add(ctx, 1, result("used"))
	c.refuse(ctx, "site", tooMany, r.refused)
	return r, true
}

// target finds the process of a resource, or says why not.
func (c *goProfiles) target(now time.Time, resource pcommon.Resource, end uint64) (*target, string) {
	if resource.Attributes().Len() == 0 {
		return nil, "no_identity" // two such processes could not be told apart
	}
	id, err := json.Marshal(resource.Attributes().AsRaw()) // keys in order
	if err != nil {
		return nil, "no_identity"
	}
	t := c.memory.target(now, sha256.Sum256(id))
	switch {
	case t == nil:
		return nil, "max_targets"
	case end <= t.end && t.end-end <= uint64(c.cfg.ExpireAfter):
		return nil, "out_of_order"
	case end <= t.end:
		t.end = 0 // a clock was set back: it begins afresh, or nothing of it would be used until that time comes again
	}
	return t, ""
}

func (c *goProfiles) refuse(ctx context.Context, subject, why string, n int) {
	if n > 0 {
		c.telemetry.ConnectorGoProfilesRefused.Add(ctx, int64(n), metric.WithAttributes(attribute.String("subject", subject), attribute.String("reason", why)))
	}
}

func result(of string) metric.MeasurementOption {
	return metric.WithAttributes(attribute.String("result", of))
}
func reason(of string) metric.MeasurementOption {
	return metric.WithAttributes(attribute.String("reason", of))
}
