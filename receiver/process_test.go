// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/heap"
)

func TestProcessIsToldByItsMemStats(t *testing.T) {
	stats := func(cycles uint32, allocated uint64, ends int64) *heap.MemStats {
		m := &heap.MemStats{NumGC: cycles, TotalAlloc: allocated, Mallocs: allocated}
		for n := uint32(1); n <= cycles; n++ {
			m.PauseEnd[(n+255)%256] = uint64(ends) + uint64(n)
		}
		return m
	}
	for name, c := range map[string]struct {
		then, now     *heap.MemStats
		same, another bool
	}{
		"goes on":               {stats(3, 100, 1000), stats(5, 200, 1000), true, false},
		"nothing new":           {stats(3, 100, 1000), stats(3, 100, 1000), true, false},
		"went back":             {stats(3, 100, 1000), stats(1, 10, 9000), false, true},
		"overtook":              {stats(3, 100, 1000), stats(5, 200, 9000), false, true},
		"no cycle yet":          {stats(0, 100, 0), stats(0, 200, 0), false, false},
		"too long ago":          {stats(3, 100, 1000), stats(600, 200, 1000), false, false},
		"fewer bytes, same GCs": {stats(3, 100, 1000), stats(3, 50, 1000), false, true},
	} {
		var p process
		p.heard(c.then)
		if same, another := p.isSame(c.now), p.isAnother(c.now); same != c.same || another != c.another {
			t.Errorf("%s: same %v, another %v; want %v and %v", name, same, another, c.same, c.another)
		}
	}
}

// A restart that /debug/vars tells first and the next heap text again is one restart: series start afresh once.
func TestOneRestartStartsSeriesAfreshOnce(t *testing.T) {
	var born atomic.Int64 // when the process started, in cycles' ends
	var starts atomic.Int64
	mux := http.NewServeMux()
	text := func() string { // cycles of the second life end at other times
		return strings.ReplaceAll(heapText(9, 9000), "000000000", fmt.Sprintf("00000000%d", born.Load()))
	}
	mux.HandleFunc("/debug/pprof/heap", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text()) })
	mux.HandleFunc("/debug/vars", func(w http.ResponseWriter, _ *http.Request) {
		ends := make([]string, 256)
		for i := range ends {
			if ends[i] = "0"; i < 9 {
				ends[i] = fmt.Sprintf("%d00000000%d", i+1, born.Load())
			}
		}
		fmt.Fprintf(w, `{"memstats": {"NumGC": 9, "NextGC": 4194304, "TotalAlloc": 9000, "Mallocs": 90, "PauseEnd": [%s], "PauseNs": [%s]}, "requests": 5}`, strings.Join(ends, ","), strings.Repeat("1,", 255)+"1")
	})
	cfg := createDefaultConfig()
	cfg.CollectionInterval, cfg.Cost.MaxCPUShare = 400*time.Millisecond, 1
	cfg.Sources.Goroutine.Enabled = false
	cfg.Sources.Vars = VarsConfig{SourceConfig{Enabled: true, Interval: 100 * time.Millisecond}, "requests"}
	cfg.Targets = []TargetConfig{targetAt("p", server(t, mux))}
	var out sink
	start(t, &out, cfg)
	seen := map[int64]bool{}
	watch := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			out.mu.Lock()
			for _, batch := range out.batches("p") {
				if p, ok := find(batch, "go.memory.allocated", ""); ok && !seen[int64(p.StartTimestamp())] {
					seen[int64(p.StartTimestamp())] = true
					starts.Add(1)
				}
			}
			out.mu.Unlock()
		}
	}
	out.wait(t, "p", "go.memory.allocated", is(9000))
	eventually(t, "vars are heard", func() bool {
		out.mu.Lock()
		defer out.mu.Unlock()
		batch, ok := out.others["p"]["vars"]
		if !ok {
			return false
		}
		_, heard := find(batch, "go.memory.allocated", "")
		load, counted := find(batch, "heapgate.load.requests", "")
		return heard && counted && load.IntValue() == 5
	})
	watch(time.Second)
	born.Store(7)
	watch(3 * time.Second)
	if starts.Load() != 2 {
		t.Errorf("series started %d times in two lives, want 2", starts.Load())
	}
}
