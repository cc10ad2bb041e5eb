// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

func TestCollectorConfig(t *testing.T) {
	var text bytes.Buffer
	err := collectorConfig{
		Targets: []target{
			{Version: "good", URL: "http://127.0.0.1:1", Digest: "sha256:01", GCTrace: "/tmp/a b/good.log"},
			{Version: "bad", URL: "http://127.0.0.1:2", Digest: "sha256:02", GCTrace: `/tmp/"quoted": #/bad.log`},
		},
		Directory: "/tmp/store",
		Endpoint:  "127.0.0.1:9464",
	}.write(&text)
	if err != nil {
		t.Fatal(err)
	}
	var got any
	if err := yaml.Unmarshal(text.Bytes(), &got); err != nil {
		t.Fatalf("%v:\n%s", err, text.String())
	}
	type m = map[string]any
	wantTarget := func(version, url, digest, gctrace string) m {
		return m{
			"url": url,
			"workload": m{
				"cluster": "demo", "namespace": "shop", "kind": "Deployment", "name": "shop", "container": "shop",
				"version": version, "image_digest": digest,
			},
			"labels": m{"team": "demo"}, "memory_limit": "512MiB", "gctrace": m{"files": []any{gctrace}},
		}
	}
	want := m{
		"receivers": m{"go_runtime": m{
			"collection_interval": "2s", "cost": map[string]any{"max_cpu_share": 0.5},
			"http": m{"timeout": "5s"},
			"targets": []any{
				wantTarget("good", "http://127.0.0.1:1", "sha256:01", "/tmp/a b/good.log"),
				wantTarget("bad", "http://127.0.0.1:2", "sha256:02", `/tmp/"quoted": #/bad.log`),
			},
		}},
		"processors": m{"go_signals": m{"window": "2m"}},
		"exporters": m{"prometheus_tsdb": m{
			"directory": "/tmp/store", "endpoint": "127.0.0.1:9464", "retention": m{"time": "2h", "size": "512MiB"},
		}},
		"service": m{
			"telemetry": m{"metrics": m{"level": "none"}},
			"pipelines": m{"metrics": m{
				"receivers": []any{"go_runtime"}, "processors": []any{"go_signals"}, "exporters": []any{"prometheus_tsdb"},
			}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestImageDigestDependsOnBinaryAndVersion(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "shop")
	if err := os.WriteFile(binary, []byte("code"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := imageDigest(binary, "good")
	if want := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("codegood"))); err != nil || got != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
	if bad, err := imageDigest(binary, "bad"); err != nil || bad == got {
		t.Errorf("both versions have digest %s (%v)", bad, err)
	}
	if _, err := imageDigest(binary+"x", "good"); err == nil {
		t.Error("a missing binary has no digest")
	}
}

func TestReadMemory(t *testing.T) {
	for name, tt := range map[string]struct {
		status string
		want   memory
		err    string
	}{
		"usual":  {status: "Name:\tx\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n", want: memory{now: 1 << 20, most: 2 << 20}},
		"zombie": {status: "Name:\tx\nState:\tZ\n", err: "it has ended"},
		"unit":   {status: "VmRSS:\t1 MB\n", err: `VmRSS must be a number of kB (got "\t1 MB")`},
		"number": {status: "VmRSS:\tone kB\n", err: "must be a number"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readMemory(strings.NewReader(tt.status))
			if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %+v, %v; want %+v, %q", got, err, tt.want, tt.err)
			}
		})
	}
	if m, err := memoryOf(os.Getpid()); err != nil || m.now <= 0 || m.most < m.now {
		t.Errorf("this process: got %+v, %v", m, err)
	}
}

func TestWaitReadyAsksUntilTheAnswerIs200(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	var out bytes.Buffer
	if err := waitReady(t.Context(), &out, "start store", server.URL); err != nil || asked.Load() != 3 {
		t.Errorf("got %v after %d requests, want the third to end it", err, asked.Load())
	}
	if !strings.Contains(out.String(), "start store") || !strings.HasSuffix(out.String(), "s\n") {
		t.Errorf("got %q", out.String())
	}
}

func TestPollReadyGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := pollReady(t.Context(), "http://host.invalid:no-port/")
		if err == nil || err.Error() != "http://host.invalid:no-port/ does not answer 200 within 1m0s" {
			t.Errorf("got %v", err)
		}
	})
}

func TestProgressTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		stop := progress(&out, "build shop", time.Second)
		time.Sleep(3500 * time.Millisecond)
		stop(os.ErrClosed)
		if want := "      build shop                   ... 3.5s failed\n"; out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	})
}

func TestFreeAddressesAreDifferentLoopbackPorts(t *testing.T) {
	addresses, err := freeAddresses(20)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, a := range addresses {
		if !strings.HasPrefix(a, "127.0.0.1:") || seen[a] {
			t.Errorf("%s among %v", a, addresses)
		}
		seen[a] = true
	}
}

func TestFindingsAreTheGatesOwnWords(t *testing.T) {
	const grows = "map in main.(*OrderCache).Insert (examples/shop/cache.go:35) of a:1 grows 1.3 MB/s; limit 100 kB/s [MAP-001]"
	const collects = "garbage collection takes 31 % of the CPU time of a:1; limit 25 % [GC-001]"
	table := "\nMAP SITE  GROWS\nmain.(*OrderCache).Insert (examples/shop/cache.go:35)  1.3 MB/s\n"
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"one limit":  {text: "fail: " + grows + "\n" + table, want: []string{grows}},
		"two limits": {text: "fail: " + grows + "; and 1 more\n\nfail          " + grows + "\nfail          " + collects + "\n" + table, want: []string{grows, collects}},
		"other text": {text: "pass: nothing failed\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, judgement{code: gateFail, text: tt.text}.findings()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
