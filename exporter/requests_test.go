// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const requestsFile = "testdata/requests.txt"

// TestRequests sends each line of testdata/requests.txt that starts with > over HTTP, to a store with three series a minute before
// noon and at noon, and compares status and body. -update rewrites the answers.
func TestRequests(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Query.MaxSamples = 5
	r := startRig(t, cfg)
	r.write(noon.Add(-time.Minute), gauges("load", noon.Add(-time.Minute), 1, 2, 3))
	r.write(noon, gauges("load", noon, 10, 20, 30))

	want, err := os.ReadFile(requestsFile)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for line := range strings.Lines(string(want)) {
		switch {
		case strings.HasPrefix(line, "> "):
			got.WriteString(line + r.send(strings.TrimSpace(line[2:])))
		case strings.HasPrefix(line, "#"), line == "\n":
			got.WriteString(line)
		}
	}
	if *update {
		if err := os.WriteFile(requestsFile, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// send does "METHOD /path key=value ..." and gives "status body\n". Values are not escaped, + stands for a space.
func (r *rig) send(request string) string {
	r.t.Helper()
	fields := strings.Fields(request)
	params := url.Values{}
	for _, field := range fields[2:] {
		key, value, _ := strings.Cut(field, "=")
		params.Add(key, strings.ReplaceAll(value, "+", " "))
	}
	status, body := r.do(fields[0], fields[1], params)
	return fmt.Sprintf("%d %s\n", status, strings.TrimSpace(body))
}

// TestOversized sends what is too large to be written down in a fixture.
func TestOversized(t *testing.T) {
	r := startRig(t, testConfig(t.TempDir()))
	long := func(n int) url.Values { return url.Values{"query": {`up{pod="` + strings.Repeat("x", n) + `"}`}} }

	if status, body := r.do(http.MethodPost, "/api/v1/query", long(maxFormBytes/2)); status != http.StatusOK {
		t.Errorf("half the limit: %d %s", status, body)
	}
	status, body := r.do(http.MethodPost, "/api/v1/query", long(maxFormBytes))
	if want := `{"error":"the form must have at most 262144 bytes","errorType":"bad_data","status":"error"}`; status != http.StatusRequestEntityTooLarge || strings.TrimSpace(body) != want {
		t.Errorf("a large form: %d %s", status, body)
	}
	if status, body := r.do(http.MethodGet, "/api/v1/query", long(2*maxHeaderBytes)); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a long URL: %d %s", status, body)
	}
	if got, want := r.told(), "requests_refused too_large = 1"; got != want {
		t.Errorf("telemetry: %s, want %s", got, want)
	}
}

// TestNoCrossOrigin holds that a page of another site gets no permission to read an answer.
func TestNoCrossOrigin(t *testing.T) {
	r := startRig(t, testConfig(t.TempDir()))
	req, err := http.NewRequest(http.MethodGet, "http://"+r.server.address.String()+"/api/v1/query?query=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://evil.example")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Access-Control-Allow-Origin"); resp.StatusCode != http.StatusOK || got != "" {
		t.Errorf("status %d, allowed origin %q; want 200 and none", resp.StatusCode, got)
	}
}
