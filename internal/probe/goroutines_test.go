// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"net/http"
	"strings"
	"testing"

	"github.com/heapgate/heapgate/internal/goroutine"
)

const parked = "goroutine profile: total 3\n" +
	"2 @ 0x400031 0x400041 0x400101\n#\t0x400100\tmain.fill+0x1\t/src/main.go:7\n\n" +
	"1 @ 0x400031 0x400011 0x400201\n#\t0x400200\tmain.other+0x1\t/src/main.go:9\n\n"

// parkedProcess is a process of fakeBuild with goroutines, one of them below a frame that its heap text has too.
func parkedProcess() *process {
	p := fakeBuild{id: "0123456789abcdef", name: "main"}.process(0x400000)
	p.symbol = says("num_symbols: 1\n0x400010 runtime.hashGrow\n0x400020 runtime.mapassign_fast64\n0x400030 runtime.gopark\n0x400040 runtime.selectgo\n")
	p.other = map[string]http.HandlerFunc{
		"/debug/pprof/goroutine":     says(parked),
		"/debug/pprof/goroutineleak": says(strings.Replace(parked, "goroutine", "goroutineleak", 1)),
	}
	return p
}

// TestGoroutines: names are asked of what the visits do not know, kept, and shared.
func TestGoroutines(t *testing.T) {
	cache := NewCache(CacheLimits{})
	for i, want := range []string{
		"heap?debug=1 mutex symbol?0x400010+0x400020 goroutine?debug=1 symbol?0x400030+0x400040 goroutineleak?debug=1 goroutine?debug=1",
		"heap?debug=1 mutex goroutine?debug=1 goroutineleak?debug=1 goroutine?debug=1",
	} {
		process := parkedProcess()
		base := start(t, process)
		p := New(client(t), Settings{Cache: cache})
		m := Memory{Trust: "shop"}
		visitOK(t, p, base, &m)
		for n, ask := range []func() (goroutine.Snapshot, Cost, error){
			func() (goroutine.Snapshot, Cost, error) { return p.Goroutines(t.Context(), base, &m) },
			func() (goroutine.Snapshot, Cost, error) { return p.GoroutineLeaks(t.Context(), base, &m) },
			func() (goroutine.Snapshot, Cost, error) { return p.Goroutines(t.Context(), base, &m) },
		} {
			s, cost, err := ask()
			if err != nil || s.Total != 3 || s.ByState[goroutine.Select] != 2 || s.Unresolved != 0 || s.Leak != (n == 1) || cost.CPU < leastCPU || cost.Bytes < int64(len(parked)) {
				t.Errorf("%+v, %+v, %v", s, cost, err)
			}
		}
		got := strings.ReplaceAll(strings.Join(process.asked, " "), "/debug/pprof/", "")
		if got != want {
			t.Errorf("process %d: asked %s, want %s", i, got, want)
		}
	}
}

// TestGoroutinesFirst: nothing proves that the process of the first visit is the one that named them.
func TestGoroutinesFirst(t *testing.T) {
	p, base := New(client(t), Settings{}), start(t, parkedProcess())
	var m Memory
	if _, _, err := p.Goroutines(t.Context(), base, &m); err != nil || !m.knows(0x400030) {
		t.Errorf("%v, knows %v", err, m.names)
	}
	if o := visitOK(t, p, base, &m); o.Restarted || m.knows(0x400030) {
		t.Errorf("restarted %v, knows %v", o.Restarted, m.names)
	}
}

// TestGoroutinesOfAnother: a process that took the place of the one visited does not use its names, nor leave its own.
func TestGoroutinesOfAnother(t *testing.T) {
	process := parkedProcess()
	base := start(t, process)
	p := New(client(t), Settings{})
	var m Memory
	visitOK(t, p, base, &m)
	process.other["/debug/pprof/goroutine"] = says(strings.Replace(parked, "main.fill", "main.another", 1))
	process.asked = nil
	if s, _, err := p.Goroutines(t.Context(), base, &m); err != nil || s.Unresolved != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if got := process.asked[1]; got != "/debug/pprof/symbol?0x400010+0x400030+0x400040" || m.knows(0x400030) {
		t.Errorf("asked %s, and m knows %v", got, m.knows(0x400030))
	}
}

func TestBadGoroutines(t *testing.T) {
	for _, test := range []struct {
		name string
		page http.HandlerFunc
		kind Kind
	}{
		{"absent", nil, KindAbsent},
		{"HTML", says("<html>\n"), KindNotPprof},
		{"cut", says(parked[:len(parked)-40]), KindTruncated},
		{"too large", says(parked + strings.Repeat("\n", 1<<20)), KindTooLarge},
		{"a bomb", zipped(parked+strings.Repeat("\n", 1<<20), 9), KindTooLarge},
	} {
		process := parkedProcess()
		process.other["/debug/pprof/goroutine"] = test.page
		_, cost, err := New(client(t), Settings{MaxBodyBytes: 1 << 20}).Goroutines(t.Context(), start(t, process), new(Memory))
		wantError(t, err, test.kind, "/debug/pprof/goroutine")
		if cost.Wall <= 0 {
			t.Errorf("%s: cost %+v", test.name, cost)
		}
	}
	// Without names the goroutines are there, and their states are not.
	process := parkedProcess()
	process.symbol = status(500)
	s, _, err := New(client(t), Settings{}).Goroutines(t.Context(), start(t, process), new(Memory))
	if err != nil || s.Total != 3 || s.Unresolved != 3 || len(s.Warnings) == 0 {
		t.Errorf("%+v, %v", s, err)
	}
}
