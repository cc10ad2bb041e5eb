// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestServeRuns is the command itself: it listens, measures a real store's answers by the built-in policies, and ends with 0.
func TestServeRuns(t *testing.T) {
	store, err := newFakeStore("target 10.0.0.1:6060 {service_version=\"v1\"}\ntarget 10.0.0.2:6060 {service_version=\"v2\"}\nheapgate_signal_gc_cpu_share_ratio{heapgate_source=\"gctrace\"} 0.9x60\n", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	backend := httptest.NewServer(store)
	defer func() { backend.Close(); store.close() }()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("canary-token-0123"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	read, write := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "--store", backend.URL, "--namespaces", "shop", "--token-file", token, "--listen", "127.0.0.1:0", "--baseline", "none"}, streams{in: strings.NewReader(""), out: io.Discard, err: write})
		_ = write.Close()
	}()
	lines := bufio.NewScanner(read)
	var listening struct{ Listen string }
	for listening.Listen == "" && lines.Scan() {
		_ = json.Unmarshal(lines.Bytes(), &listening)
	}
	logged := make(chan string, 1)
	go func() {
		var all strings.Builder
		for lines.Scan() {
			all.WriteString(lines.Text())
		}
		logged <- all.String()
	}()
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+listening.Listen+"/rollouts?workload=shop/shop&version=v2", nil)
	request.Header.Set("Authorization", "Bearer canary-token-0123")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if response.StatusCode != 200 || !strings.Contains(string(body), `"verdict":"fail"`) || !strings.Contains(string(body), "GC-001") || !strings.Contains(string(body), `"policy_digest":"sha256:`) {
		t.Errorf("%d %s", response.StatusCode, body)
	}
	stop()
	if code := <-ended; code != exitPass {
		t.Errorf("exit code %d", code)
	}
	if log := <-logged; !strings.Contains(log, `"verdict":"fail"`) || strings.Contains(log, "canary") {
		t.Errorf("log %s", log)
	}
}

func TestServeMetricsAndJSON(t *testing.T) {
	h := serveWith(&looked{answers: []report{passes}}, nil)
	_, text := call(h, "GET", shopV2, "")
	var d answerDocument
	if err := json.Unmarshal([]byte(text), &d); err != nil || d.Workload != "shop/shop" || d.Version != "v2" || d.Policy != "sha256:0" || d.Measured == "" || d.Reasons == nil {
		t.Errorf("%v: %s", err, text)
	}
	_, _ = call(h, "GET", "/rollouts", "")
	_, _ = call(h, "POST", "/flagger", `{"name":"shop","namespace":"shop","checksum":"1"}`)
	_, text = call(h, "GET", "/metrics", "")
	for _, line := range []string{
		`heapgate_serve_answers_total{adapter="flagger",verdict="pass"} 1`, `heapgate_serve_answers_total{adapter="rollouts",verdict="pass"} 1`,
		`heapgate_serve_answers_total{adapter="rollouts",verdict="refused"} 1`, `heapgate_serve_measurements 2`,
	} {
		if !strings.Contains(text, line+"\n") && !strings.HasSuffix(text, line) {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}
