// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/pprof/profile"
)

// fakeProcess answers with one heap text after another; its times are those of a process that collects its garbage every 100 ms.
type fakeProcess struct {
	mu    sync.Mutex
	texts int                      // served so far
	sites func(n int) []fakeRecord // of the n-th text
	cycle func(n int) (number int) // NumGC of it; default 3+2n
	fails func(n int) (status int) // instead of it; 0 for none
}

// fakeRecord is one record of a site; PC 0x11 is hashGrow.
type fakeRecord struct {
	line                      int
	inuse, inuseBytes         int64
	allocated, allocatedBytes int64
}

func (p *fakeProcess) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.URL.Path {
	case "/debug/pprof/heap":
		n := p.texts
		p.texts++
		if p.fails != nil && p.fails(n) != 0 {
			w.WriteHeader(p.fails(n))
			return
		}
		_, _ = fmt.Fprint(w, p.text(n))
	case "/debug/pprof/symbol":
		_, _ = fmt.Fprint(w, "num_symbols: 1\n0x10 runtime.hashGrow\n0x20 runtime.mapassign_fast64\n")
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (p *fakeProcess) text(n int) string {
	var records strings.Builder
	var sum fakeRecord
	for _, r := range p.sites(n) {
		sum.inuse, sum.inuseBytes, sum.allocated, sum.allocatedBytes = sum.inuse+r.inuse, sum.inuseBytes+r.inuseBytes, sum.allocated+r.allocated, sum.allocatedBytes+r.allocatedBytes
		fmt.Fprintf(&records, "%d: %d [%d: %d] @ 0x11 0x21 %#x 0x2001\n#\t%#x\tmain.put%d+0x1\t/src/main.go:%d\n#\t0x2000\tmain.main+0x1\t/src/main.go:1\n\n",
			r.inuse, r.inuseBytes, r.allocated, r.allocatedBytes, 0x1001+r.line*16, 0x1000+r.line*16, r.line, r.line)
	}
	cycles := 3 + 2*n
	if p.cycle != nil {
		cycles = p.cycle(n)
	}
	var ends, pauses [256]int64
	for c := max(1, cycles-255); c <= cycles; c++ {
		ends[(c+255)%256], pauses[(c+255)%256] = 1_700_000_000e9+int64(c)*5e7, 1000
	}
	ring := func(r [256]int64) string { return strings.Trim(fmt.Sprint(r), "[]") }
	return fmt.Sprintf("heap profile: %d: %d [%d: %d] @ heap/2\n%s\n# runtime.MemStats\n# TotalAlloc = %d\n# HeapAlloc = 1048576\n# NextGC = 4194304\n# LastGC = %d\n# PauseNs = [%s]\n# PauseEnd = [%s]\n# NumGC = %d\n# NumForcedGC = 0\n# DebugGC = false\n",
		sum.inuse, sum.inuseBytes, sum.allocated, sum.allocatedBytes, records.String(), sum.allocatedBytes+int64(cycles), ends[(cycles+255)%256], ring(pauses), ring(ends), cycles)
}

func decodeChange(t *testing.T, stdout string) heapChange {
	t.Helper()
	var c heapChange
	decoder := json.NewDecoder(strings.NewReader(stdout))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		t.Fatalf("%v in %.200s", err, stdout)
	}
	return c
}

// TestInspectHeapFor watches a process with one map of each kind, and calls each what the processor would.
func TestInspectHeapFor(t *testing.T) {
	const mib = 1 << 20
	process := &fakeProcess{sites: func(n int) []fakeRecord {
		k := int64(n)
		return []fakeRecord{
			{10, 1, (2 + 4*k) * mib, 4 + 8*k, (4 + 8*k) * mib},   // grows
			{20, 1, mib, 1 + 100*k, (1 + 100*k) * mib},           // requests
			{30, 1, 64 * mib, 1, 64 * mib},                       // full
			{40, 1, 20 * mib, 10 + 10*k, (100 + 10*k) * mib * 2}, // comes and goes
		}
	}}
	server := httptest.NewServer(process)
	defer server.Close()
	code, stdout, stderr := heapgate("", "inspect", "heap", server.URL, "--for", "1200ms", "--every", "100ms")
	if code != exitPass {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	c := decodeChange(t, stdout)
	if c.Texts != 13 || c.GCs != 24 || strings.Count(stderr, " of 1.2s: ") != 13 {
		t.Errorf("%d texts, %d GCs, want 13 and 24; stderr %s", c.Texts, c.GCs, stderr)
	}
	want := map[int]string{10: "unbounded doublings", 20: "churn same_size", 30: "settled quiet", 40: "churn same_size"}
	for _, s := range c.Sites {
		if got := s.Verdict + " " + s.Reason; got != want[s.Line] || s.Text == "" {
			t.Errorf("line %d: %s, want %s; %s", s.Line, got, want[s.Line], s.Text)
		}
	}
	if s := c.Sites[len(c.Sites)-1]; len(c.Sites) != 4 || s.Line != 30 || s.AllocBytes != 0 {
		t.Errorf("%d sites, the last %+v", len(c.Sites), s)
	}

	process.texts = 0
	code, stdout, _ = heapgate("", "inspect", "heap", server.URL, "--for", "1200ms", "--every", "100ms", "-o", "markdown", "--top", "1")
	if code != exitPass || !strings.Contains(stdout, "| churn (same\\_size) | main.put20 /src/main.go:20 |") || !strings.Contains(stdout, "- main.put20 ") {
		t.Errorf("exit code %d: %s", code, stdout)
	}
}

// TestInspectHeapForTrouble: a page that fails in between is told and passed over; a restart and a process without GCs end it.
func TestInspectHeapForTrouble(t *testing.T) {
	sites := func(n int) []fakeRecord { return []fakeRecord{{10, 1, 4096, 1 + int64(n), 4096 * (1 + int64(n))}} }
	for name, try := range map[string]struct {
		process *fakeProcess
		code    int
		says    string
	}{
		"in between": {&fakeProcess{fails: func(n int) int { return map[int]int{2: 503}[n] }}, exitPass, "warning: http"},
		"at first":   {&fakeProcess{fails: func(int) int { return 500 }}, exitFailure, "got status 500"},
		"at last":    {&fakeProcess{fails: func(n int) int { return map[int]int{5: 500}[n] }}, exitPass, "got status 500"},
		"restart":    {&fakeProcess{cycle: func(n int) int { return 9 - n }}, exitFailure, "the process restarted while it was watched: got GC 8 after GC 9"},
		"idle":       {&fakeProcess{cycle: func(int) int { return 1 }}, exitFailure, "fewer than two GCs ended: let --for take longer"},
	} {
		try.process.sites = sites
		server := httptest.NewServer(try.process)
		code, _, stderr := heapgate("", "inspect", "heap", server.URL, "--for", "500ms", "--every", "100ms")
		if server.Close(); code != try.code || !strings.Contains(stderr, try.says) {
			t.Errorf("%s: exit code %d, want %d; stderr %s", name, code, try.code, stderr)
		}
	}
}

// writeProto writes a protobuf profile of the blocks of one growing map, by size, and of something else.
func writeProto(t *testing.T, seconds int64, blocks map[int64]int64) string {
	t.Helper()
	p := &profile.Profile{
		PeriodType: &profile.ValueType{Type: "space", Unit: "bytes"}, Period: 524288, TimeNanos: (1_700_000_000 + seconds) * 1e9,
		SampleType: []*profile.ValueType{{Type: "alloc_objects", Unit: "count"}, {Type: "alloc_space", Unit: "bytes"}, {Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}},
	}
	for i, name := range []string{"main.put", "main.handle"} {
		f := &profile.Function{ID: uint64(i + 1), Name: name, Filename: "/src/main.go"}
		p.Function = append(p.Function, f)
		p.Location = append(p.Location, &profile.Location{ID: uint64(i + 1), Address: uint64(0x1000 * (i + 1)), Line: []profile.Line{{Function: f, Line: int64(10 * (i + 1))}}})
	}
	sample := func(location int, size, objects int64) {
		p.Sample = append(p.Sample, &profile.Sample{
			Location: p.Location[location : location+1], Value: []int64{objects, objects * size, objects / 2, objects / 2 * size}, NumLabel: map[string][]int64{"bytes": {size}},
		})
	}
	for size, objects := range blocks {
		sample(0, size, objects)
	}
	sample(0, 100, 3000) // the values
	sample(1, 512, 20_000)
	file := filepath.Join(t.TempDir(), "heap.pb.gz")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Write(out); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestInspectHeapProto: a map is guessed from its block sizes, in both profiles by the rungs of the later one.
func TestInspectHeapProto(t *testing.T) {
	before := writeProto(t, 0, map[int64]int64{40960: 100})
	after := writeProto(t, 60, map[int64]int64{40960: 400, 18432: 20, 9472: 10})
	code, stdout, stderr := heapgate("", "inspect", "heap", after, "--base", before)
	if code != exitPass || !strings.Contains(stderr, "low confidence") {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	c := decodeChange(t, stdout)
	if c.Seconds != 60 || len(c.Sites) != 3 {
		t.Fatalf("%v s, %d sites: %+v", c.Seconds, len(c.Sites), c.Sites)
	}
	if s := c.Sites[0]; s.Class != "map_grow" || !s.Likely || s.AllocBytes != 300*40960+20*18432+10*9472 || s.Verdict != "unknown" || s.LowerBytes >= float64(s.AllocBytes) {
		t.Errorf("%+v", s)
	}
	for _, s := range c.Sites[1:] {
		if s.Class != "unknown" || s.Verdict != "" || s.AllocBytes != 0 {
			t.Errorf("%+v", s)
		}
	}
	code, stdout, _ = heapgate("", "inspect", "heap", after, "-o", "table")
	if code != exitPass || !strings.Contains(stdout, "map_grow  main.put /src/main.go:10") {
		t.Errorf("exit code %d: %s", code, stdout)
	}
	code, _, stderr = heapgate("", "inspect", "heap", after, "--base", heapFixtures+"heap.txt")
	if code != exitFailure || !strings.Contains(stderr, "one is a heap text and the other a protobuf profile") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
