// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package heap

import (
	"bytes"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/pprof/profile"
)

// BenchmarkHeapText reads the same text with this package, up to sites and classes, and with google/pprof, up to its
// profile. cpu-ns/op is the process's CPU time, garbage collection included: it holds on a busy machine.
func BenchmarkHeapText(b *testing.B) {
	symbols, err := ParseSymbols(strings.NewReader(read(b, filepath.Join("testdata", "go1.26", "symbols.txt"))), Limits{})
	if err != nil {
		b.Fatal(err)
	}
	symbol := func(address uint64) (string, bool) { name, ok := symbols[address]; return name, ok }
	readers := []struct {
		name string
		read func(text []byte) error
	}{
		{"heapgate", func(text []byte) error {
			parsed, err := Parse(bytes.NewReader(text), Limits{})
			if err == nil {
				parsed.Snapshot(symbol)
			}
			return err
		}},
		{"pprof", func(text []byte) error {
			_, err := profile.ParseData(text)
			return err
		}},
	}
	texts := map[string][]byte{
		"100kB": []byte(read(b, filepath.Join("testdata", "go1.26", "heap.txt"))),
		"4MB":   synthetic(4 << 20),
		"40MB":  synthetic(40 << 20),
	}
	for _, size := range []string{"100kB", "4MB", "40MB"} {
		for _, reader := range readers {
			b.Run("text="+size+"/impl="+reader.name, func(b *testing.B) {
				b.SetBytes(int64(len(texts[size])))
				b.ReportAllocs()
				before := cpuTime(b)
				for b.Loop() {
					if err := reader.read(texts[size]); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// cpuTime is the CPU time of this process, ns.
func cpuTime(b *testing.B) int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}
