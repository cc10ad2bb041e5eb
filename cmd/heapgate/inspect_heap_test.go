// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heapgate/heapgate/internal/heap"
)

const heapFixtures = "../../internal/heap/testdata/go1.26/"

// heapgate runs one command line.
func heapgate(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, err strings.Builder
	code = run(context.Background(), args, streams{in: strings.NewReader(stdin), out: &out, err: &err})
	return code, out.String(), err.String()
}

func decodeHeap(t *testing.T, stdout string) heapDocument {
	t.Helper()
	var d heapDocument
	decoder := json.NewDecoder(strings.NewReader(stdout))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		t.Fatalf("%v in %.200s", err, stdout)
	}
	return d
}

func classOf(d heapDocument, function string) heap.Class {
	for _, site := range d.Sites { // by bytes, from the largest
		if site.Function == function {
			return site.Class
		}
	}
	return ""
}

func TestInspectHeapFile(t *testing.T) {
	code, stdout, stderr := heapgate("", "inspect", "heap", heapFixtures+"heap.txt", "--symbols", heapFixtures+"symbols.txt")
	if code != exitPass || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	d := decodeHeap(t, stdout)
	if d.MemStats.NumGC == 0 || d.MemStats.PauseEnd[0] == 0 || classOf(d, "main.growInt64") != heap.MapGrow || classOf(d, "main.presized") != heap.MapMake {
		t.Errorf("NumGC %d, growInt64 is %q", d.MemStats.NumGC, classOf(d, "main.growInt64"))
	}
	for _, key := range []string{`"memstats":{"Alloc":`, `"PauseNs":[`, `"GCCPUFraction":`, `"MaxRSS":`, `"alloc_bytes":`, `"stderr_bytes":`} {
		if !strings.Contains(stdout, key) {
			t.Errorf("no %s in the JSON", key)
		}
	}
}

// TestInspectHeapWithoutSymbols says what to ask, and that answer, saved, is what was missing.
func TestInspectHeapWithoutSymbols(t *testing.T) {
	text, err := os.ReadFile(heapFixtures + "heap.txt")
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := heapgate(string(text), "inspect", "heap", "-")
	if code != exitPass || classOf(decodeHeap(t, stdout), "main.growInt64") != heap.Unknown {
		t.Errorf("exit code %d, growInt64 is %q", code, classOf(decodeHeap(t, stdout), "main.growInt64"))
	}
	parsed, err := heap.Parse(strings.NewReader(string(text)), heap.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	_, query, found := strings.Cut(stderr, "/debug/pprof/symbol?")
	query, _, _ = strings.Cut(query, "'")
	if asked := strings.Count(query, "+") + 1; !found || asked != len(parsed.Unknown(nil)) {
		t.Errorf("%d addresses to ask, want %d, in %s", asked, len(parsed.Unknown(nil)), stderr)
	}
}

// TestInspectHeapRawSymbols takes an answer that was asked with return addresses, and says so.
func TestInspectHeapRawSymbols(t *testing.T) {
	saved, err := os.Open(heapFixtures + "symbols.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = saved.Close() }()
	names, err := heap.ParseSymbols(saved, heap.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(heapFixtures + "heap.txt")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := heap.Parse(strings.NewReader(string(text)), heap.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var raw strings.Builder
	for _, address := range parsed.Unknown(nil) {
		fmt.Fprintf(&raw, "%#x %s\n", address+1, names[address])
	}
	code, stdout, stderr := heapgate(raw.String(), "inspect", "heap", heapFixtures+"heap.txt", "--symbols", "-")
	if code != exitPass || classOf(decodeHeap(t, stdout), "main.growInt64") != heap.MapGrow || !strings.Contains(stderr, "return addresses") {
		t.Errorf("exit code %d, growInt64 is %q, stderr %s", code, classOf(decodeHeap(t, stdout), "main.growInt64"), stderr)
	}
}

func TestInspectHeapURL(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	server := httptest.NewServer(mux) // it has no symbol page
	defer server.Close()
	code, stdout, stderr := heapgate("", "inspect", "heap", server.URL)
	if code != exitPass || decodeHeap(t, stdout).MemStats.TotalAlloc == 0 || !strings.Contains(stderr, "symbol: absent: got status 404") {
		t.Errorf("exit code %d, stderr %s", code, stderr)
	}
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	code, stdout, stderr = heapgate("", "inspect", "heap", server.URL, "-o", "table", "--top", "0")
	if code != exitPass || stderr != "" || !strings.Contains(stdout, "ALLOCATED") {
		t.Errorf("exit code %d, stderr %s, stdout %s", code, stderr, stdout)
	}
	code, _, stderr = heapgate("", "inspect", "heap", server.URL+"/ops")
	if code != exitFailure || !strings.Contains(stderr, "absent: got status 404, want 200") {
		t.Errorf("exit code %d, stderr %s", code, stderr)
	}
}

// TestInspectHeapTable shows as many sites as were asked for.
func TestInspectHeapTable(t *testing.T) {
	symbols := filepath.Join(heapFixtures, "symbols.txt")
	for top, lines := range map[string]int{"1": 1, "5": 5, "0": 40} {
		_, stdout, _ := heapgate("", "inspect", "heap", heapFixtures+"heap.txt", "--symbols", symbols, "-o", "table", "--top", top)
		if got := strings.Count(stdout, "\n") - 5; got != lines {
			t.Errorf("--top %s shows %d sites, want %d:\n%s", top, got, lines, stdout)
		}
	}
}
