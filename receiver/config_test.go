// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"strings"
	"testing"

	"go.opentelemetry.io/collector/confmap"
	"gopkg.in/yaml.v3"
)

func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	var raw map[string]any
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	cfg := createDefaultConfig()
	if err := confmap.NewFromStringMap(raw).Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestConfigIsRefusedWithWhatWouldBeRight(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing to hear", `{}`, "targets or gctrace::files must name at least one thing to hear (got none)"},
		{"typo", `{colection_interval: 1s}`, "colection_interval"},
		{"interval", `{collection_interval: 1ms, targets: [{url: "http://a:1", workload: {name: x}}]}`, "collection_interval must be at least 100ms (got 1ms)"},
		{"timeout", `{http: {timeout: 0s}, targets: [{url: "http://a:1", workload: {name: x}}]}`, "http::timeout must be a positive duration (got 0s)"},
		{"scheme", `{targets: [{url: "ftp://a:1", workload: {name: x}}]}`, `targets[0]: url must be http://host:port or https://host:port (got "ftp://a:1")`},
		{"password stays secret", `{targets: [{url: "ftp://u:hunter2@a:1", workload: {name: x}}]}`, `u:xxxxx@a:1`},
		{"query", `{targets: [{url: "http://a:1/?gc=1", workload: {name: x}}]}`, "neither query nor fragment"},
		{"no workload", `{targets: [{url: "http://a:1"}]}`, "targets[0]: workload::name must be set"},
		{"twice", `{targets: [{url: "http://a:1", workload: {name: x}}, {url: "http://a:1/", workload: {name: y}}]}`, `targets[1] is the same as targets[0]: "a:1"`},
		{"lying label", `{targets: [{url: "http://a:1", workload: {name: x}, labels: {service.name: y}}]}`, `labels must not set "service.name"`},
		{"limit of the wrong unit", `{targets: [{url: "http://a:1", workload: {name: x}, memory_limit: 512Mi}]}`, `like 512MiB (got "512Mi")`},
		{"glob", `{gctrace: {files: ["[a"]}}`, `gctrace::files must be globs`},
		{"too many", `{limits: {targets: 1}, targets: [{url: "http://a:1", workload: {name: x}}, {url: "http://b:1", workload: {name: x}}]}`, "at most limits::targets, 1 (got 2)"},
		{"sites", `{sites: {top: 0}, targets: [{url: "http://a:1", workload: {name: x}}]}`, "sites::top must be from 1 to 1000 (got 0)"},
		{"limits", `{limits: {body_size: 0B}, targets: [{url: "http://a:1", workload: {name: x}}]}`, "limits::body_size must be positive (got 0)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v; want an error with %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestEveryMistakeIsToldAtOnce(t *testing.T) {
	_, err := load(t, `{collection_interval: 1ms, sites: {top: 0}, targets: [{url: "nonsense"}]}`)
	for _, want := range []string{"collection_interval", "sites::top", "url must be", "workload::name"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want it to tell of %s too", err, want)
		}
	}
}

func TestIdentityIsHostAndPathWithoutCredentials(t *testing.T) {
	for url, want := range map[string]string{
		"http://u:p@10.1.2.3:6060": "10.1.2.3:6060", "http://a:1/": "a:1", "https://a/team/pprof": "a/team/pprof",
	} {
		if got := (&TargetConfig{URL: url}).identity(); got != want {
			t.Errorf("identity of %s is %q; want %q", url, got, want)
		}
	}
}
