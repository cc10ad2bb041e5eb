// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/collector/receiver/xreceiver"
)

// One receiver in a pipeline of each signal visits its target once a beat, and can be started again.
func TestThreePipelinesShareOneReceiver(t *testing.T) {
	var visits atomic.Int64
	url := server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visits.Add(1)
		http.NotFound(w, r)
	}))
	cfg := createDefaultConfig()
	cfg.Sources = SourcesConfig{HeapText: SourceConfig{Enabled: true, Interval: time.Hour}, CPU: cfg.Sources.CPU, Trace: cfg.Sources.Trace}
	id := "x" // of those tried, one whose phase in an hour is short
	for phase(id, time.Hour) > time.Second {
		id += "x"
	}
	cfg.Targets = []TargetConfig{targetAt(id, url)}
	factory := NewFactory()
	for range 2 {
		visits.Store(0)
		set := receivertest.NewNopSettings(factory.Type())
		metrics, err := factory.CreateMetrics(t.Context(), set, cfg, consumertest.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		logs, err := factory.CreateLogs(t.Context(), set, cfg, consumertest.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		profiles, err := factory.(xreceiver.Factory).CreateProfiles(t.Context(), set, cfg, consumertest.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range []interface {
			Start(context.Context, component.Host) error
		}{metrics, logs, profiles} {
			if err := one.Start(t.Context(), componenttest.NewNopHost()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		for _, one := range []interface{ Shutdown(context.Context) error }{profiles, metrics, logs} {
			if err := one.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if got := visits.Load(); got != 1 {
			t.Errorf("three pipelines cost the target %d visits, want 1", got)
		}
	}
}
