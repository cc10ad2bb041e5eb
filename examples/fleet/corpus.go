// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// program is what a stored program answers. Its MemStats are made anew for each answer, so that it seems to live.
type program struct {
	name       string
	buckets    []byte // of the heap text, up to the MemStats
	stats      []stat
	goroutines []byte
}

// stat is one line of MemStats: `# Name = value`.
type stat struct{ name, value string }

const memStatsHead = "# runtime.MemStats\n"

// load reads every program of the corpus that has both texts.
func load(dir string) ([]program, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.heap.txt.gz"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var all []program
	for _, file := range files {
		text, err := inflate(file)
		if err != nil {
			return nil, err
		}
		goroutines, err := inflate(strings.TrimSuffix(file, "heap.txt.gz") + "goroutine.txt.gz")
		if err != nil {
			return nil, err
		}
		buckets, tail, found := bytes.Cut(text, []byte(memStatsHead))
		if !found {
			return nil, fmt.Errorf("%s has no MemStats", file)
		}
		p := program{name: strings.TrimSuffix(filepath.Base(file), ".heap.txt.gz"), buckets: buckets, goroutines: goroutines}
		for line := range strings.Lines(string(tail)) {
			name, value, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "#")), " = ")
			if ok {
				p.stats = append(p.stats, stat{name, value})
			}
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no *.heap.txt.gz in %s", dir)
	}
	return all, nil
}

func inflate(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return io.ReadAll(r)
}

// life is one run of a target's process.
type life struct{ started time.Time }

const cycle = 7 * time.Second // between two GC cycles

// tail is the MemStats of a process that has lived for a while and collects garbage on a beat of its own.
func (l life) tail(p *program, now time.Time) []byte {
	cycles := max(1, uint64(now.Sub(l.started)/cycle))
	var b bytes.Buffer
	b.WriteString(memStatsHead)
	for _, s := range p.stats {
		value := s.value
		switch s.name {
		case "NumGC":
			value = strconv.FormatUint(cycles, 10)
		case "NumForcedGC":
			value = "0"
		case "TotalAlloc", "Mallocs":
			n, _ := strconv.ParseUint(s.value, 10, 64)
			value = strconv.FormatUint(n+cycles*1000, 10)
		case "LastGC":
			value = strconv.FormatInt(l.end(cycles), 10)
		case "PauseNs":
			value = ring(cycles, func(uint64) int64 { return 40_000 })
		case "PauseEnd":
			value = ring(cycles, l.end)
		}
		fmt.Fprintf(&b, "# %s = %s\n", s.name, value)
	}
	return b.Bytes()
}

func (l life) end(n uint64) int64 { return l.started.Add(time.Duration(n) * cycle).UnixNano() }

// ring is MemStats' ring of the last 256 cycles: that of cycle n stands at (n+255)%256.
func ring(cycles uint64, value func(n uint64) int64) string {
	var slots [256]int64
	for n := uint64(1); n <= cycles; n++ {
		if n+256 > cycles {
			slots[(n+255)%256] = value(n)
		}
	}
	return fmt.Sprint(slots)
}
