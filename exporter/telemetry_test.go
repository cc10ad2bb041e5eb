// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/heapgate/heapgate/internal/zaplog"
)

func TestGauges(t *testing.T) {
	r := startRig(t, testConfig(t.TempDir()))
	r.write(noon, gauges("up", noon, 1, 2, 3))
	gauge := func(name string) int64 {
		t.Helper()
		m, err := r.telemetry.GetMetric("otelcol_exporter_prometheus_tsdb_" + name)
		if err != nil {
			t.Fatal(err)
		}
		return m.Data.(metricdata.Gauge[int64]).DataPoints[0].Value
	}
	if got := gauge("series"); got != 3 {
		t.Errorf("%d series, want 3", got)
	}
	if got := gauge("size"); got <= 0 {
		t.Errorf("%d bytes, want more than the write-ahead log's header", got)
	}
	r.stop()
	if _, err := r.telemetry.GetMetric("otelcol_exporter_prometheus_tsdb_series"); err == nil {
		t.Error("a closed store still tells its series")
	}
}

// statusHost keeps the status that a component reports.
type statusHost struct{ events []*componentstatus.Event }

func (*statusHost) GetExtensions() map[component.ID]component.Component { return nil }
func (h *statusHost) Report(e *componentstatus.Event)                   { h.events = append(h.events, e) }

// TestServerDies tells the collector when the port stops answering by itself.
func TestServerDies(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	host := &statusHost{}
	(&server{http: &http.Server{}, done: make(chan struct{})}).serve(listener, host)
	if len(host.events) != 1 || host.events[0].Status() != componentstatus.StatusPermanentError || !errors.Is(host.events[0].Err(), net.ErrClosed) {
		t.Errorf("reported %v", host.events)
	}
}

func TestSlog(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	logger := zaplog.New(zap.New(core)).With("component", "tsdb")
	logger.Debug("not asked for")
	logger.Info("info", "n", 1)
	logger.WithGroup("block").Warn("warn", "ulid", "01")
	logger.Error("error", slog.Any("err", errors.New("broken")))
	var got []string
	for _, entry := range logs.All() {
		got = append(got, fmt.Sprintf("%s %s %v", entry.Level, entry.Message, entry.ContextMap()))
	}
	want := []string{
		"info info map[component:tsdb n:1]",
		"warn warn map[block.ulid:01 component:tsdb]",
		"error error map[component:tsdb err:broken]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
