// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package goroutine

import (
	"bytes"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/pprof/profile"
)

// BenchmarkGoroutineText reads the same text with this package, up to sites and states, and with google/pprof, up to its
// profile. cpu-ns/op is the process's CPU time, garbage collection included: it holds on a busy machine.
func BenchmarkGoroutineText(b *testing.B) {
	texts := map[string]string{"4MB": string(synthetic(4 << 20)), "40MB": string(synthetic(40 << 20))}
	names := []string{"4MB", "40MB"}
	files, err := filepath.Glob("../profile/testdata/corpus/*.goroutine.txt.gz")
	if err != nil {
		b.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".goroutine.txt.gz")
		names, texts[name] = append(names, name), unzip(b, file)
	}
	for _, name := range names {
		text := []byte(texts[name])
		for impl, read := range map[string]func() error{
			"heapgate": func() error {
				parsed, err := Parse(bytes.NewReader(text), Limits{})
				if err == nil {
					parsed.Snapshot(func(uint64) (string, bool) { return "runtime.gopark", true })
				}
				return err
			},
			"pprof": func() error {
				_, err := profile.ParseData(text)
				return err
			},
		} {
			b.Run("text="+name+"/impl="+impl, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				before := cpuTime(b)
				for b.Loop() {
					if err := read(); err != nil {
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
