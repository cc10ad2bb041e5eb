// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/confmap"
	"sigs.k8s.io/yaml"
)

func TestValidate(t *testing.T) {
	for _, tc := range []struct{ name, yaml, want string }{
		{"minimal", "directory: d", ""},
		{"sizes and lists", "{directory: d, retention: {time: 2h, size: 512MiB}, resource_attributes: {promote: [k8s.namespace.name]}}", ""},
		{"bytes", "{directory: d, retention: {size: 16777216}}", ""},
		{"one word", "{directory: d, resource_attributes: {promote: all}}", ""},
		{"every network, said so", `{directory: d, endpoint: "0.0.0.0:9464"}`, ""},
		{"no directory", "{}", "directory must be the path of the store (got nothing)"},
		{"no host", `{directory: d, endpoint: ":9464"}`, `endpoint must name its host: 127.0.0.1:9464 for this machine only, 0.0.0.0:9464 for every network (got ":9464")`},
		{"no port", "{directory: d, endpoint: localhost}", `endpoint must be host:port like 127.0.0.1:9464 (got "localhost")`},
		{"bad port", `{directory: d, endpoint: "localhost:70000"}`, `endpoint must have a port between 0 and 65535 (got "localhost:70000")`},
		{"unknown unit", "{directory: d, retention: {size: 512MB}}", `size must be a whole number with B, KiB, MiB, GiB or TiB, like 512MiB (got "512MB")`},
		{"all and more", "{directory: d, resource_attributes: {promote: [all, team]}}", `resource_attributes.promote must be either the word all or a list of keys (got ["all" "team"])`},
		{"empty key", `{directory: d, resource_attributes: {promote: [""]}}`, `resource_attributes.promote must hold attribute keys (got an empty one in [""])`},
		{"typing error", "{directory: d, retentoin: {time: 2h}}", "has invalid keys: retentoin"},
		{
			"all mistakes at once",
			"{timeout: 0s, retention: {time: 1m, size: 1KiB}, out_of_order_window: 2m, max_series: 0, query: {timeout: -1s, max_samples: 0, max_concurrent: -1, lookback_delta: 0s}}",
			`directory must be the path of the store (got nothing)
timeout must be a positive duration (got 0s)
retention.time must be at least 10m0s (got 1m0s)
retention.size must be at least 16MiB (got 1KiB)
query.timeout must be a positive duration (got -1s)
query.lookback_delta must be a positive duration (got 0s)
query.max_samples must be at least 1 (got 0)
query.max_concurrent must be at least 1 (got -1)
max_series must be at least 1 (got 0)
out_of_order_window must lie between 0s and retention.time, 1m0s (got 2m0s)`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ""
			if err := load(t, tc.yaml, createDefaultConfig().(*Config)); err != nil {
				got = err.Error()
			}
			if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func load(t *testing.T, text string, cfg *Config) error {
	t.Helper()
	var values map[string]any
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	if err := confmap.NewFromStringMap(values).Unmarshal(cfg); err != nil {
		return err
	}
	return cfg.Validate()
}

func TestLoopback(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"127.0.0.1:9464": true, "127.8.8.8:1": true, "[::1]:9464": true, "localhost:9464": true,
		"0.0.0.0:9464": false, "[::]:9464": false, "10.0.0.7:9464": false, "store.example:9464": false, "nonsense": false,
	} {
		if got := isLoopback(endpoint); got != want {
			t.Errorf("isLoopback(%s) = %t", endpoint, got)
		}
	}
}

// TestREADME loads the README's YAML and holds its table of settings to the defaults, key for key.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(readme, -1) {
		var doc struct {
			Exporters map[string]map[string]any
		}
		if err := yaml.UnmarshalStrict(block[1], &doc); err != nil {
			t.Fatal(err)
		}
		cfg := createDefaultConfig().(*Config)
		if err := confmap.NewFromStringMap(doc.Exporters["prometheus_tsdb"]).Unmarshal(cfg); err != nil {
			t.Fatal(err)
		}
		if err := cfg.Validate(); err != nil {
			t.Error(err)
		}
	}

	var documented []string
	values := map[string]any{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| (?:`(.*?)`)? ?\\| ").FindAllSubmatch(readme, -1) {
		documented = append(documented, string(row[1]))
		put(t, values, strings.Split(string(row[1]), "."), string(row[2]))
	}
	var got Config
	if err := confmap.NewFromStringMap(values).Unmarshal(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(createDefaultConfig(), &got); diff != "" {
		t.Errorf("defaults in the README (-code +README):\n%s", diff)
	}

	conf := confmap.New()
	if err := conf.Marshal(createDefaultConfig()); err != nil {
		t.Fatal(err)
	}
	for _, key := range conf.AllKeys() {
		if key = strings.ReplaceAll(key, "::", "."); !slices.Contains(documented, key) {
			t.Errorf("the README does not tell of %s", key)
		}
	}
}

func put(t *testing.T, values map[string]any, path []string, text string) {
	t.Helper()
	if len(path) > 1 {
		inner, _ := values[path[0]].(map[string]any)
		if inner == nil {
			inner = map[string]any{}
			values[path[0]] = inner
		}
		put(t, inner, path[1:], text)
		return
	}
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	if v == nil {
		v = ""
	}
	values[path[0]] = v
}
