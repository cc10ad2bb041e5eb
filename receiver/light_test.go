// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// A real process is asked for one heap text, and from then on its growing map is seen by protobuf profiles.
func TestOneTextTeachesWhatProtobufProfilesShow(t *testing.T) {
	work(t)
	process := newGoProcess()
	var texts, profiles atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/debug/pprof/heap" {
			if r.URL.Query().Get("debug") == "1" {
				texts.Add(1)
			} else {
				profiles.Add(1)
			}
		}
		process.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	cfg := createDefaultConfig()
	cfg.CollectionInterval, cfg.Cost.MaxCPUShare = time.Hour, 1
	quick := SourceConfig{Enabled: true, Interval: 200 * time.Millisecond}
	cfg.Sources.HeapText.Interval, cfg.Sources.Goroutine.Enabled = time.Hour, false
	cfg.Sources.Vars.SourceConfig, cfg.Sources.HeapProfile = quick, quick
	id := "y" // one whose first text comes soon
	for phase(id, time.Hour) > time.Second {
		id += "y"
	}
	cfg.Targets = []TargetConfig{targetAt(id, s.URL)}
	var out sink
	start(t, &out, cfg)
	light := func() bool {
		out.mu.Lock()
		defer out.mu.Unlock()
		batch, ok := out.others[id]["heap_profile"]
		if !ok {
			return false
		}
		grown, found := find(batch, "heapgate.site.allocated", "heapgate.class=map_grow")
		_, whole := find(batch, "go.memory.gc.cycles", "")
		return found && whole && grown.IntValue() > 0
	}
	for deadline := time.Now().Add(30 * time.Second); !light(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %d texts and %d profiles no profile shows the map that grows", texts.Load(), profiles.Load())
		}
	}
	out.wait(t, id, "heapgate.target.up", is(1))
}
