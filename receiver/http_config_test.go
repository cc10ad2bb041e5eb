// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/heapgate/heapgate/internal/netguard"
)

// ask sends a request and gives the Authorization that arrived.
func ask(t *testing.T, client *http.Client, url string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	return resp.Header.Get("Got"), nil
}

func TestCredentialsGoToTheirOriginOnly(t *testing.T) {
	show := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Got", r.Header.Get("Authorization")) })
	own, foreign := httptest.NewServer(show), httptest.NewServer(show)
	defer own.Close()
	defer foreign.Close()
	cfg := HTTPConfig{Timeout: 1, Credentials: []CredentialConfig{{
		Origin: own.URL, PlainHTTP: true, Headers: map[string]configopaque.String{"Authorization": "Bearer secret"},
	}}}
	if err := cfg.validate(); err != nil {
		t.Fatal(err)
	}
	ways, err := cfg.open(context.Background(), nil, netguard.New(netguard.Settings{}))
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{own.URL: "Bearer secret", foreign.URL: "", strings.Replace(own.URL, "127.0.0.1", "localhost", 1): ""} {
		if got, err := ask(t, ways.trusted, url); err != nil || got != want {
			t.Errorf("%s got %q (%v), want %q", url, got, err, want)
		}
	}
	if _, err := ask(t, ways.guarded, own.URL); err == nil || !strings.Contains(err.Error(), "denied") {
		t.Errorf("what somebody else named was let to loopback (%v)", err)
	}
	if _, err := ask(t, ways.guarded, strings.Replace(own.URL, "127.0.0.1", "localhost", 1)); err == nil {
		t.Error("a name that resolves to loopback was visited")
	}
}

func TestWrongHTTPConfigIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"http: {timeout: 0s}": "http::timeout must be a positive duration (got 0s)",
		"http: {credentials: [{origin: 'http://a:1', headers: {x: y}}]}":                                            "must be https, or plain_http true",
		"http: {credentials: [{origin: 'https://a:1/path', headers: {x: y}}]}":                                      "credentials[0]::origin must be https://host:port",
		"http: {credentials: [{origin: 'https://a:1'}]}":                                                            "must have either auth or headers",
		"http: {credentials: [{origin: 'https://a:1', headers: {x: y}}, {origin: 'https://a:1', headers: {x: y}}]}": "is that of credentials[0]",
		"http: {proxy_url: 'http://proxy:3128'}":                                                                    "proxy_url",
		"sources: {heap_text: {enabled: false}, goroutine: {enabled: false}}":                                       "must have at least one that is enabled",
		"sources: {cpu: {enabled: true, duration: 1500ms}}":                                                         "whole seconds",
		"sources: {cpu: {enabled: true, interval: 15s}}":                                                            "at least twice its duration, 20s (got 15s)",
		"sources: {trace: {max_size: 1KiB}}":                                                                        "max_size must be from 64KiB",
		"sources: {heap_text: {interval: 1ms}}":                                                                     "sources::heap_text::interval must be at least 100ms (got 1ms)",
		"cost: {max_cpu_share: 0}":                                                                                  "must be above 0 and at most 1, a whole core (got 0)",
		"cost: {max_cpu_share: .nan}":                                                                               "(got NaN)",
		"limits: {concurrent_scrapes_per_host: 0}":                                                                  "limits::concurrent_scrapes_per_host must be positive (got 0)",
	} {
		t.Run(text, func(t *testing.T) {
			cfg, err := load(t, "targets: [{url: 'http://10.0.0.1:6060', workload: {name: api}}]\n"+text)
			if err == nil {
				err = cfg.Validate()
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}
