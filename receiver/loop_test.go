// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// Two targets on two ports of one host are visited one after the other where one visit of a host may run at once.
func TestPortsOfOneHostShareItsPlaces(t *testing.T) {
	var inside, most, visits atomic.Int64
	slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		most.Store(max(most.Load(), inside.Add(1)))
		time.Sleep(50 * time.Millisecond)
		inside.Add(-1)
		visits.Add(1)
		_, _ = w.Write([]byte(heapText(1, 1000)))
	})
	cfg := createDefaultConfig()
	cfg.CollectionInterval, cfg.Cost.MaxCPUShare = 100*time.Millisecond, 1
	cfg.Sources.Goroutine.Enabled = false
	cfg.Limits.ConcurrentScrapesPerHost = 1
	cfg.Targets = []TargetConfig{targetAt("a", server(t, slow)), targetAt("b", server(t, slow))}
	var out sink
	start(t, &out, cfg)
	eventually(t, "both were visited", func() bool { return visits.Load() >= 8 })
	if most.Load() != 1 {
		t.Errorf("%d visits of one host ran at once, want 1", most.Load())
	}
}
