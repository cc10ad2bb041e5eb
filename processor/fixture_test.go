// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/heapgate/heapgate/processor/internal/metadatatest"
)

var update = flag.Bool("update", false, "rewrite what testdata expects")

// epoch is added to the times of a fixture.
const epoch = 1_700_000_000

// TestFixtures sends the batches of testdata/*.txtar through the processor.
//
//	-- in --         config key=value..., logs (a pipeline of logs is there too), wait DURATION, and batches: `batch t=SECONDS start=SECONDS`, `resource key=value...`,
//	                 `scope NAME` (the receiver's unless it is said), `METRIC TYPE VALUE [key=value...]`
//	-- out --        what was appended to each resource
//	-- telemetry --  what the processor says of itself
func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var out, telemetry string
			synctest.Test(t, func(t *testing.T) { out, telemetry = play(t, string(archive.Files[0].Data)) })
			got := []txtar.File{archive.Files[0], {Name: "out", Data: []byte(out)}, {Name: "telemetry", Data: []byte(telemetry)}}
			if *update {
				archive.Files = got
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(archive.Files, got, cmp.Transformer("text", func(b []byte) string { return string(b) })); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func play(t *testing.T, in string) (out, telemetry string) {
	t.Helper()
	own := componenttest.NewTelemetry()
	defer own.Shutdown(context.Background())
	cfg := createDefaultConfig()
	var p processor.Metrics
	var logs processor.Logs
	sink, logSink := &consumertest.MetricsSink{}, &consumertest.LogsSink{}
	factory := NewFactory()
	var text strings.Builder
	send := func(batch pmetric.Metrics) {
		if p == nil {
			var err error
			if p, err = factory.CreateMetrics(t.Context(), metadatatest.NewSettings(own), cfg, sink); err != nil {
				t.Fatal(err)
			}
			if err := p.Start(t.Context(), componenttest.NewNopHost()); err != nil {
				t.Fatal(err)
			}
		}
		before := pmetric.NewMetrics()
		batch.CopyTo(before)
		if err := p.ConsumeMetrics(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		received := sink.AllMetrics()
		writeAppended(&text, takeAppended(t, before, received[len(received)-1]))
		writeLogs(&text, logSink.AllLogs())
		logSink.Reset()
	}
	for _, block := range blocks(in) {
		switch words := strings.Fields(block[0]); words[0] {
		case "config":
			configure(t, cfg, words[1:])
		case "logs":
			var err error
			if logs, err = factory.CreateLogs(t.Context(), metadatatest.NewSettings(own), cfg, logSink); err != nil {
				t.Fatal(err)
			}
			if err := logs.Start(t.Context(), componenttest.NewNopHost()); err != nil {
				t.Fatal(err)
			}
		case "wait":
			d, err := time.ParseDuration(words[1])
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(d)
		case "batch":
			fmt.Fprintln(&text, block[0])
			send(parseBatch(t, block))
		default:
			t.Fatalf("want config, logs, wait or batch, got %q", block[0])
		}
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if logs != nil {
		if err := logs.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return text.String(), ownTelemetry(t, own)
}

// blocks starts a new one at each config, logs, wait and batch.
func blocks(in string) (all [][]string) {
	for line := range strings.Lines(in) {
		line = strings.TrimSpace(line)
		switch first, _, _ := strings.Cut(line, " "); first {
		case "", "#":
		case "config", "logs", "wait", "batch":
			all = append(all, []string{line})
		default:
			all[len(all)-1] = append(all[len(all)-1], line)
		}
	}
	return all
}

func configure(t *testing.T, cfg *Config, words []string) {
	for _, word := range words {
		key, text, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "window":
			cfg.Window, err = time.ParseDuration(text)
		case "expire_after":
			cfg.ExpireAfter, err = time.ParseDuration(text)
		case "max_targets":
			cfg.MaxTargets, err = strconv.Atoi(text)
		case "max_series":
			cfg.MaxSeries, err = strconv.Atoi(text)
		case "max_changes":
			cfg.MaxChanges, err = strconv.Atoi(text)
		case "without":
			cfg.Metrics.HeapgateSignalWindow.Enabled = text != "window"
		default:
			err = fmt.Errorf("unknown key")
		}
		if err != nil {
			t.Fatalf("%s: %v", word, err)
		}
	}
}

// ownTelemetry is what the processor counted, one series a line.
func ownTelemetry(t *testing.T, own *componenttest.Telemetry) string {
	t.Helper()
	var lines []string
	for _, name := range []string{"targets", "observations", "evicted", "refused", "restarts", "changes"} {
		name = "otelcol_processor_go_signals_" + name
		m, err := own.GetMetric(name)
		if err != nil {
			continue // never counted
		}
		var points []metricdata.DataPoint[int64]
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			points = data.DataPoints
		case metricdata.Gauge[int64]:
			points = data.DataPoints
		}
		for _, p := range points {
			line := name
			for _, a := range p.Attributes.ToSlice() {
				line += fmt.Sprintf(" %s=%s", a.Key, a.Value.AsString())
			}
			lines = append(lines, fmt.Sprintf("%s %d\n", line, p.Value))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
