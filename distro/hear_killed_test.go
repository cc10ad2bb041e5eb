// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const onlyLines = `
receivers:
  go_runtime:
    collection_interval: 200ms
    storage: file_storage
    cost: {max_cpu_share: 1}
    http: {timeout: 30s}
    sources: {heap_text: {enabled: true}, goroutine: {enabled: false}}
    targets:
      - {id: steady, url: %q, workload: {name: hear}, gctrace: {files: [%q]}}
`

// killed: the collector dies by kill -9 at any moment, again and again, while a program goes on to collect its garbage. In
// the end it has heard each cycle, and none of them twice.
func (h *hearing) killed(t *testing.T) {
	p := launch(t, h.build(t, "go"), "10")
	p.do(t, "churn")
	offsets := filepath.Join(t.TempDir(), "offsets")
	config := fmt.Sprintf(onlyLines, p.url, p.stderr.path)
	goOn := func(round int) *collector {
		// The other rounds end at a moment of which the collector knows nothing; this one must have been kept, or the
		// collector would begin afresh, with the file that is there.
		c := h.collect(t, offsets, "127.0.0.1:0", config)
		if round == 0 {
			await(t, "offsets are kept", func() (any, bool) { return nil, keeps(t, offsets, p.stderr.path) })
		}
		heard := c.told()
		heard.awaitPoint(t, "steady", "heapgate.gctrace.summed", func(p point) bool { return p.value > 0 })
		return c
	}
	for round := range 3 {
		c := goOn(round)
		time.Sleep(time.Duration(rand.IntN(3000)) * time.Millisecond)
		c.killed = true
		c.kill()
		if round == 1 {
			before := p.stderr.cycles(t)
			p.stderr.rotate(t)
			await(t, "cycles in the new file", func() (any, bool) { n := p.stderr.cycles(t); return n, n > before+5 })
		}
	}
	told := goOn(3).told()
	cycles := p.do(t, "calm")
	await(t, "the log is whole", func() (any, bool) { n := p.stderr.cycles(t); return n, n == cycles })
	for _, name := range []string{"heapgate.gctrace.cycles", "heapgate.gctrace.summed"} {
		told.awaitPoint(t, "steady", name, func(p point) bool { return p.value >= float64(cycles) })
	}
	time.Sleep(time.Second) // for what might be counted twice
	told.more(t)
	for _, p := range told.points {
		switch p.name {
		case "heapgate.gctrace.cycles", "heapgate.gctrace.summed":
			if p.value > float64(cycles) {
				t.Fatalf("of %d cycles: %v", cycles, p)
			}
		}
	}
	t.Logf("%d cycles", cycles)
}

// keeps tells whether the storage has a word on the file.
func keeps(t *testing.T, storage, path string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(storage, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(path)) {
			return true
		}
	}
	return false
}
