// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package connector

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
	"go.opentelemetry.io/collector/connector/xconnector"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/heapgate/heapgate/connector/internal/metadatatest"
)

var update = flag.Bool("update", false, "rewrite what testdata expects")

// epoch is added to the times of a fixture.
const epoch = 1_700_000_000

// TestFixtures sends the messages of testdata/*.txtar through the connector.
//
//	-- in --         config key=value..., wait DURATION, `message`, and in it `resource key=value...`, `snapshot t=SECONDS
//	                 [duration=SECONDS] [rate=BYTES] [temporality=WORD] [without=TYPE]` and
//	                 `FRAME<FRAME<... [size=BYTES] OBJECTS BYTES OBJECTS BYTES` with frames leaf first as FUNCTION@FILE:LINE:
//	                 allocated and in use
//	-- out --        the metrics of each resource
//	-- telemetry --  what the connector says of itself
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
	cfg := createDefaultConfig().(*Config)
	var c xconnector.Profiles
	var text strings.Builder
	var m *message
	sink := &consumertest.MetricsSink{}
	flush := func() {
		if m == nil {
			return
		}
		if c == nil {
			var err error
			if c, err = createProfilesToMetrics(t.Context(), metadatatest.NewSettings(own), cfg, sink); err != nil {
				t.Fatal(err)
			}
		}
		sink.Reset()
		if err := c.ConsumeProfiles(t.Context(), m.profiles); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&text, "message")
		for _, batch := range sink.AllMetrics() {
			describe(&text, batch)
		}
		m = nil
	}
	for line := range strings.Lines(in) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		switch words[0] {
		case "config":
			configure(t, cfg, words[1:])
		case "wait":
			flush()
			d, err := time.ParseDuration(words[1])
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(d)
		case "message":
			flush()
			m = newMessage(t)
		case "resource":
			m.resource(words[1:])
		case "snapshot":
			m.snapshot(words[1:])
		default:
			m.samples(words)
		}
	}
	flush()
	if err := c.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	return text.String(), ownTelemetry(t, own)
}

func configure(t *testing.T, cfg *Config, words []string) {
	t.Helper()
	for _, word := range words {
		key, text, _ := strings.Cut(word, "=")
		n, _ := strconv.Atoi(text)
		switch key {
		case "temporality":
			cfg.Temporality = Temporality(text)
		case "max_targets":
			cfg.MaxTargets = n
		case "max_sites":
			cfg.MaxSites = n
		case "max_samples":
			cfg.MaxSamples = n
		default:
			t.Fatalf("unknown key %q", word)
		}
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
}

func describe(out *strings.Builder, batch pmetric.Metrics) {
	for _, rm := range batch.ResourceMetrics().All() {
		fmt.Fprintf(out, "  resource %s\n", attributes(rm.Resource().Attributes().AsRaw()))
		for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
			var lines []string
			for _, p := range pointsOf(m).All() {
				value := strconv.FormatInt(p.IntValue(), 10)
				if p.ValueType() == pmetric.NumberDataPointValueTypeDouble {
					value = strconv.FormatFloat(p.DoubleValue()-epoch, 'g', 6, 64)
				}
				span := fmt.Sprintf("t=%d", int64(p.Timestamp())/1e9-epoch)
				if p.StartTimestamp() != 0 {
					span = fmt.Sprintf("start=%d ", int64(p.StartTimestamp())/1e9-epoch) + span
				}
				lines = append(lines, fmt.Sprintf("    %s %s %s %s%s\n", m.Name(), value, m.Unit(), attributes(p.Attributes().AsRaw()), span))
			}
			slices.Sort(lines)
			out.WriteString(strings.Join(lines, ""))
		}
	}
}

func attributes(raw map[string]any) string {
	var words []string
	for k, v := range raw {
		words = append(words, fmt.Sprintf("%s=%v ", k, v))
	}
	slices.Sort(words)
	return strings.Join(words, "")
}

func ownTelemetry(t *testing.T, own *componenttest.Telemetry) string {
	t.Helper()
	var lines []string
	for _, name := range []string{"targets", "profiles", "evicted", "refused"} {
		name = "otelcol_connector_go_profiles_" + name
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
