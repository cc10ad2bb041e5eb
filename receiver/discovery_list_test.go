// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/targetgroup"
)

func TestFileIsFollowed(t *testing.T) {
	addresses := processes(t, 3)
	file := listFile(t, addresses[:2])
	r := begin(t, DiscoveryConfig{
		FileSDConfigs: []map[string]any{{"files": []any{file}, "refresh_interval": "1s"}}, AllowNetworks: []string{"127.0.0.0/8"},
	})
	heardOnce(t, addresses[:2], r)
	again := listFile(t, addresses[1:])
	if err := os.Rename(again, file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new target is heard", func() bool { return slices.Contains(r.ids(), addresses[2]) })
	time.Sleep(200 * time.Millisecond)
	r.forget()
	heardOnce(t, addresses[1:], r)
}

func TestStaticTargetsAreHeard(t *testing.T) {
	addresses := processes(t, 2)
	heardOnce(t, addresses, begin(t, DiscoveryConfig{StaticConfigs: []map[string]any{
		{"targets": []any{addresses[0]}, "labels": map[string]any{"__heapgate_workload_name": "a"}},
		{"targets": []any{addresses[1]}, "labels": map[string]any{"__heapgate_workload_name": "b"}},
	}}))
}

// A list that tells the targets in another order, or one less, starts no other target afresh.
func TestTargetsKeepTheirLoopsWhenAListMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules, err := (&DiscoveryConfig{}).parse()
		if err != nil {
			t.Fatal(err)
		}
		y := newYard(100)
		d := &discoverer{translator: translator{rules: rules}, fleet: y.fleet, told: map[string]map[refusal]bool{}}
		ctx, cancel := context.WithCancel(t.Context())
		changes := make(chan []*targetgroup.Group)
		go d.listenList(ctx, "list 0", false, changes)
		say := func(addresses ...string) { // one group each, as a target allocator does, and empty ones for those that are gone
			var groups []*targetgroup.Group
			for i := range 4 {
				group := &targetgroup.Group{Source: fmt.Sprint(i)}
				if i < len(addresses) {
					group.Targets = []model.LabelSet{{"__address__": model.LabelValue(addresses[i]), "__heapgate_workload_name": "x"}}
				}
				groups = append(groups, group)
			}
			changes <- append(groups, nil)
			synctest.Wait()
		}
		say("a:1", "b:1", "c:1", "d:1")
		if got := y.now(); strings.Count(got, "=") != 4 || y.begun.Load() != 4 {
			t.Fatalf("%s runs", got)
		}
		say("d:1", "c:1", "b:1")
		if got := y.now(); got != "b:1=http://b:1/debug/pprof c:1=http://c:1/debug/pprof d:1=http://d:1/debug/pprof" || y.begun.Load() != 4 {
			t.Errorf("%s runs after %d starts", got, y.begun.Load())
		}
		say()
		if got := y.now(); got != "" {
			t.Errorf("%s runs, and nothing is listed", got)
		}
		cancel()
		synctest.Wait()
	})
}

// What a server of lists may do to the collector is bounded.
func TestListOverHTTPIsBounded(t *testing.T) {
	var asked atomic.Int64
	encoding := ""
	body := func() []byte { return nil }
	at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if got := r.Header.Get("Accept-Encoding"); got != "identity" {
			t.Errorf("asks for encoding %q", got)
		}
		w.Header().Set("Content-Type", "application/json")
		if encoding != "" {
			w.Header().Set("Content-Encoding", encoding)
		}
		_, _ = w.Write(body())
	}))
	t.Cleanup(at.Close)
	const list = `[{"targets": ["10.0.0.1:1"], "labels": {"__heapgate_workload_name": "x"}}]`
	bomb := func() []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(list))
		_ = w.Close()
		return b.Bytes()
	}
	for name, c := range map[string]struct {
		encoding string
		body     func() []byte
	}{
		"compressed although not asked for": {"gzip", bomb},
		"no JSON":                           {"", func() []byte { return []byte("[{") }},
		"too long":                          {"", func() []byte { return append([]byte(list), bytes.Repeat([]byte(" "), maxList)...) }},
	} {
		t.Run(name, func(t *testing.T) {
			encoding, body = c.encoding, c.body
			asked.Store(0)
			var out sink
			cfg := createDefaultConfig()
			cfg.Discovery.HTTPSDConfigs = []map[string]any{{"url": at.URL, "refresh_interval": "5s"}}
			telemetry := observe(t, &out, cfg)
			eventually(t, "the failure is counted", func() bool { return counted(t, telemetry, "receiver_go_runtime_discovery_failures", "") > 0 })
			if n := counted(t, telemetry, "receiver_go_runtime_discovery_targets", ""); n != 0 {
				t.Errorf("%d targets are visited", n)
			}
		})
	}
}

// What a list may not say is refused and counted by reason.
func TestWhatAListMayNotSayIsCounted(t *testing.T) {
	at := server(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		named := map[string]string{"__heapgate_workload_name": "x"}
		_ = json.NewEncoder(w).Encode([]any{
			map[string]any{"targets": []string{"127.0.0.1:1", "169.254.169.254:80", "[::ffff:127.0.0.1]:80", "2130706433:80"}, "labels": named},
			map[string]any{"targets": []string{"10.0.0.1:6060"}}, map[string]any{"targets": []string{"10.0.0.2"}, "labels": named},
		})
	}))
	var out sink
	cfg := createDefaultConfig()
	cfg.Discovery.HTTPSDConfigs = []map[string]any{{"url": at}}
	telemetry := observe(t, &out, cfg)
	for reason, want := range map[string]int64{"denied": 4, "no_workload": 1, "port": 1} {
		eventually(t, "counted as "+reason, func() bool {
			return counted(t, telemetry, "receiver_go_runtime_discovery_refused", reason) == want
		})
	}
}
