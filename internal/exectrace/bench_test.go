// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package exectrace

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/exp/trace"
)

// BenchmarkRead reads the recorded traces with this package and, to know what of it is the reader's, with
// golang.org/x/exp/trace alone, which for the old format is the peer. B/op is what a receiver pays for a trace of that many
// bytes; cpu-ns/op is the process's CPU time, garbage collection included.
func BenchmarkRead(b *testing.B) {
	for file, body := range fixtures(b) {
		for _, reader := range []struct {
			name string
			read func(b *testing.B)
		}{
			{"heapgate", func(b *testing.B) { read(b, body, Limits{}) }},
			{"exp-trace", func(b *testing.B) {
				r, err := trace.NewReader(bytes.NewReader(body))
				for err == nil {
					_, err = r.ReadEvent()
				}
				if !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
			}},
		} {
			b.Run("trace="+strings.NewReplacer("testdata/", "", "/", "-", ".trace", "").Replace(file)+"/impl="+reader.name, func(b *testing.B) {
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				before := cpuTime(b)
				for b.Loop() {
					reader.read(b)
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
