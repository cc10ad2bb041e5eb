// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	gprofile "github.com/google/pprof/profile"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/consumer/xconsumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/xreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

// TestFile sends profiles through a collector's profiles pipeline into contrib's file exporter, in both of its formats,
// and reads the files back: what is in them is what google/pprof reads in the profiles.
func TestFile(t *testing.T) {
	bodies := recorded(t)
	names := sortedKeys(bodies)
	names = slices.DeleteFunc(names, func(name string) bool { return filepath.Dir(name) == "corpus" })
	dir := t.TempDir()
	files := map[string]string{"json": filepath.Join(dir, "profiles.json"), "proto": filepath.Join(dir, "profiles.pb")}
	runCollector(t, fmt.Sprintf(`yaml:
receivers: {test: {}}
exporters:
  file/json: {path: %q}
  file/proto: {path: %q, format: proto}
service:
  telemetry: {metrics: {level: none}, logs: {level: error}}
  pipelines:
    profiles: {receivers: [test], exporters: [file/json, file/proto]}
`, files["json"], files["proto"]), func(ctx context.Context, next xconsumer.Profiles) error {
		for _, name := range names {
			message, _, err := Convert(decode(t, bodies[name]), Options{Resource: someResource()})
			if err != nil {
				return err
			}
			if err := next.ConsumeProfiles(ctx, message); err != nil {
				return err
			}
		}
		return nil
	})

	read := map[string][]pprofile.Profiles{}
	for line := range bytes.Lines(readFile(t, files["json"])) {
		message, err := (&pprofile.JSONUnmarshaler{}).UnmarshalProfiles(bytes.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		read["json"] = append(read["json"], message)
	}
	for data := readFile(t, files["proto"]); len(data) > 0; { // each with its length before it
		n := binary.BigEndian.Uint32(data)
		message, err := (&pprofile.ProtoUnmarshaler{}).UnmarshalProfiles(data[4:][:n])
		if err != nil {
			t.Fatal(err)
		}
		read["proto"], data = append(read["proto"], message), data[4:][n:]
	}
	for format := range files {
		messages := read[format]
		if len(messages) != len(names) {
			t.Fatalf("%s: %d messages of %d", format, len(messages), len(names))
		}
		for i, name := range names {
			want, err := gprofile.ParseData(bodies[name])
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(written(want), written(back(t, messages[i]))); diff != "" {
				t.Errorf("%s in %s (-google/pprof +file):\n%s", name, format, diff)
			}
		}
	}
}

// runCollector runs a collector until its receiver "test" has sent all it has.
func runCollector(t *testing.T, config string, send func(context.Context, xconsumer.Profiles) error) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	factory := xreceiver.NewFactory(component.MustNewType("test"), func() component.Config { return &struct{}{} },
		xreceiver.WithProfiles(func(_ context.Context, _ receiver.Settings, _ component.Config, next xconsumer.Profiles) (xreceiver.Profiles, error) {
			return &sender{stop: stop, send: func(ctx context.Context) error { return send(ctx, next) }}, nil
		}, component.StabilityLevelAlpha))
	command := otelcol.NewCommand(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "test"},
		Factories: func() (otelcol.Factories, error) {
			return otelcol.Factories{
				Receivers: map[component.Type]receiver.Factory{factory.Type(): factory},
				Exporters: map[component.Type]exporter.Factory{fileexporter.NewFactory().Type(): fileexporter.NewFactory()},
				Telemetry: otelconftelemetry.NewFactory(),
			}, nil
		},
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			DefaultScheme: "yaml", ProviderFactories: []confmap.ProviderFactory{yamlprovider.NewFactory()},
		}},
		DisableGracefulShutdown: true,
	})
	command.SetArgs([]string{"--config", config, "--feature-gates=+service.profilesSupport"})
	if err := command.ExecuteContext(ctx); err != nil {
		t.Fatal(err)
	}
}

// sender sends once the exporters have started, and then stops the collector.
type sender struct {
	send func(context.Context) error
	stop context.CancelFunc
}

func (s *sender) Start(ctx context.Context, _ component.Host) error {
	defer s.stop()
	return s.send(ctx)
}

func (s *sender) Shutdown(context.Context) error { return nil }
