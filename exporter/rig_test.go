// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/heapgate/heapgate/exporter/internal/metadatatest"
)

// noon is the moment at which the tests take place; the store knows no other clock.
var noon = time.Unix(2_000_000_000, 0).UTC()

// rig is a running exporter with what it tells and logs.
type rig struct {
	*storeExporter
	t         *testing.T
	telemetry *componenttest.Telemetry
	logs      *observer.ObservedLogs
}

func testConfig(directory string) *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.Directory, cfg.Endpoint = directory, "127.0.0.1:0"
	return cfg
}

func newRig(t *testing.T, cfg *Config) *rig {
	t.Helper()
	telemetry := componenttest.NewTelemetry()
	set := metadatatest.NewSettings(telemetry)
	core, logs := observer.New(zap.InfoLevel)
	set.Logger = zap.New(core)
	e, err := newStoreExporter(cfg, set)
	if err != nil {
		t.Fatal(err)
	}
	e.now = func() time.Time { return noon }
	t.Cleanup(func() { _ = telemetry.Shutdown(context.Background()) })
	return &rig{storeExporter: e, t: t, telemetry: telemetry, logs: logs}
}

// startRig gives a started exporter that the test's end shuts down.
func startRig(t *testing.T, cfg *Config) *rig {
	t.Helper()
	r := newRig(t, cfg)
	if err := r.start(context.Background(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	return r
}

func (r *rig) stop() {
	r.t.Helper()
	http.DefaultClient.CloseIdleConnections() // a connection without a request holds up a server's shutdown for five seconds
	if err := r.shutdown(context.Background()); err != nil {
		r.t.Errorf("shutdown: %v", err)
	}
}

// do sends a request with the parameters in the URL (GET) or in the form, and gives status and body.
func (r *rig) do(method, path string, params url.Values) (int, string) {
	r.t.Helper()
	target, body := "http://"+r.server.address.String()+path, io.Reader(nil)
	if method == http.MethodGet && len(params) > 0 {
		target += "?" + params.Encode()
	} else if method != http.MethodGet {
		body = strings.NewReader(params.Encode())
	}
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		r.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// query evaluates at noon.
func (r *rig) query(expr string) (int, string) { return r.queryAt(expr, noon) }

func (r *rig) queryAt(expr string, at time.Time) (int, string) {
	r.t.Helper()
	return r.do(http.MethodGet, "/api/v1/query", url.Values{"query": {expr}, "time": {fmt.Sprint(at.Unix())}})
}

// number evaluates an expression that gives one series.
func (r *rig) number(expr string, at time.Time) float64 {
	r.t.Helper()
	_, body := r.queryAt(expr, at)
	_, value, ok := strings.Cut(strings.TrimSpace(renderVector(r.t, body)), "} ")
	n, err := strconv.ParseFloat(value, 64)
	if !ok || err != nil {
		r.t.Fatalf("%s gave %s", expr, body)
	}
	return n
}

// write pushes a batch at its own time and wants no error.
func (r *rig) write(at time.Time, md pmetric.Metrics) {
	r.t.Helper()
	r.now = func() time.Time { return at }
	if err := r.push(context.Background(), md); err != nil {
		r.t.Fatal(err)
	}
}

// told is the exporter's own counters, one a line, without those that are zero.
func (r *rig) told() string {
	r.t.Helper()
	var lines []string
	for _, name := range []string{"requests_refused", "samples_refused", "samples_stored", "translation_errors"} {
		m, err := r.telemetry.GetMetric("otelcol_exporter_prometheus_tsdb_" + name)
		if err != nil {
			continue // never written to
		}
		for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
			if p.Value != 0 {
				reason, _ := p.Attributes.Value("reason")
				lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s", name, reason.AsString()))+fmt.Sprintf(" = %d", p.Value))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// gauges is a batch of one metric with n series, each with one value at the time.
func gauges(name string, at time.Time, values ...float64) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "shop")
	m := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(name)
	points := m.SetEmptyGauge().DataPoints()
	for i, v := range values {
		p := points.AppendEmpty()
		p.Attributes().PutInt("n", int64(i))
		p.SetTimestamp(pcommon.NewTimestampFromTime(at))
		p.SetDoubleValue(v)
	}
	return md
}
