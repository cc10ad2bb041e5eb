// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	_ "net/http/pprof" // the target under test is this process
	"net/url"
	"os"
	"regexp"
	"runtime"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/featuregate"
	"go.opentelemetry.io/collector/otelcol"
	"gopkg.in/yaml.v3"
)

func newCollector(t *testing.T, config string) *otelcol.Collector {
	t.Helper()
	collector, err := otelcol.NewCollector(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "heapgate-collector", Version: "test"},
		Factories: components,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs:              []string{"yaml:" + config},
			ProviderFactories: []confmap.ProviderFactory{envprovider.NewFactory(), fileprovider.NewFactory(), yamlprovider.NewFactory()},
		}},
		DisableGracefulShutdown: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return collector
}

// A datum goes from a live process through receiver, processor and store, and is there for a query by its own name.
func TestDatumGoesFromProcessToQuery(t *testing.T) {
	target := httptest.NewServer(http.DefaultServeMux)
	defer target.Close()
	store := freeAddress(t)
	collector := newCollector(t, fmt.Sprintf(`
receivers:
  go_runtime:
    collection_interval: 200ms
    cost: {max_cpu_share: 1}
    targets: [{url: %q, workload: {namespace: test, name: distro, version: v1}}]
processors:
  go_signals: {window: 1m}
exporters:
  prometheus_tsdb: {directory: %q, endpoint: %q}
service:
  telemetry: {metrics: {level: none}, logs: {level: error}}
  pipelines:
    metrics: {receivers: [go_runtime], processors: [go_signals], exporters: [prometheus_tsdb]}
`, target.URL, t.TempDir(), store))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- collector.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("collector: %v", err)
		}
	}()

	for _, want := range []string{
		`heapgate_target_up{heapgate_workload_name="distro",k8s_namespace_name="test",service_version="v1"} == 1`,
		`go_memory_allocated_bytes_total{job="distro"} > 0`,
		`go_memory_gc_pause_duration_seconds_count{job="distro"} > 0`,
		`heapgate_site_allocated_bytes_total{job="distro",code_function_name!="other"} > 0`,
		`heapgate_signal_heap_allocation_rate_bytes_per_second{job="distro"} > 0`,
	} {
		for deadline := time.Now().Add(30 * time.Second); !answers(t, store, want); time.Sleep(100 * time.Millisecond) {
			runtime.GC() // the profile knows allocations up to the last cycle but one
			select {
			case err := <-done:
				t.Fatalf("collector ended: %v", err)
			default:
			}
			if time.Now().After(deadline) {
				t.Fatalf("the store never had %s", want)
			}
		}
	}
}

func answers(t *testing.T, store, query string) bool {
	t.Helper()
	resp, err := http.PostForm("http://"+store+"/api/v1/query", url.Values{"query": {query}})
	if err != nil {
		return false // not up yet
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct{ Result []any }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if answer.Status != "success" {
		t.Fatalf("%s: %s", query, answer.Error)
	}
	return len(answer.Data.Result) > 0
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")

// Every collector configuration that a README shows is one that the collector accepts, with the feature gate of profiles.
func TestReadmesShowValidConfigurations(t *testing.T) {
	const gate = "service.profilesSupport"
	if err := featuregate.GlobalRegistry().Set(gate, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = featuregate.GlobalRegistry().Set(gate, false) })
	seen := 0
	for _, page := range []string{"../README.md", "../receiver/README.md", "../processor/README.md", "../exporter/README.md", "../connector/README.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, block := range yamlBlock.FindAllSubmatch(text, -1) {
			seen++
			t.Run(fmt.Sprintf("%s/%d", page, i), func(t *testing.T) {
				collector := newCollector(t, completed(t, block[1]))
				if err := collector.DryRun(t.Context()); err != nil {
					t.Errorf("%v\n%s", err, block[1])
				}
			})
		}
	}
	if seen < 4 {
		t.Errorf("only %d YAML blocks found in READMEs; want one for each component and one for the whole", seen)
	}
}

// completed puts a README's excerpt into a whole configuration.
func completed(t *testing.T, block []byte) string {
	t.Helper()
	whole := map[string]map[string]any{
		"receivers":  {"otlp": map[string]any{"protocols": map[string]any{"grpc": map[string]any{"endpoint": "127.0.0.1:0"}}}},
		"processors": {}, "exporters": {"debug": map[string]any{}},
	}
	var shown map[string]map[string]any
	if err := yaml.Unmarshal(block, &shown); err != nil {
		t.Fatal(err)
	}
	for section, entries := range shown {
		if whole[section] == nil {
			whole[section] = map[string]any{}
		}
		for name, value := range entries {
			whole[section][name] = value
		}
	}
	if whole["service"] == nil {
		pipeline := map[string]any{}
		for _, section := range []string{"receivers", "processors", "exporters"} {
			names := []string{}
			for name := range whole[section] {
				names = append(names, name)
			}
			pipeline[section] = names
		}
		whole["service"] = map[string]any{"pipelines": map[string]any{"metrics": pipeline}}
	}
	text, err := yaml.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
