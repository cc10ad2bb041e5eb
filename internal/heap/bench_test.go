// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package heap

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/pprof/profile"
)

// BenchmarkHeapText reads the same text with this package, up to sites and classes, and with google/pprof, up to its
// profile. Texts of real programs and synthetic ones. A text is read again and again, as
// a process is: what is kept from the reading before is part of it. cpu-ns/op is the process's CPU time, garbage
// collection included: it holds on a busy machine.
func BenchmarkHeapText(b *testing.B) {
	readers := []struct {
		name string
		read func(text []byte) error
	}{
		{"heapgate", func(text []byte) error {
			parsed, err := Parse(bytes.NewReader(text), Limits{})
			if err == nil {
				parsed.Snapshot(func(uint64) (string, bool) { return "runtime.mallocgc", true })
			}
			return err
		}},
		{"pprof", func(text []byte) error {
			_, err := profile.ParseData(text)
			return err
		}},
	}
	for _, text := range benchTexts(b) {
		for _, reader := range readers {
			b.Run("text="+text.name+"/impl="+reader.name, func(b *testing.B) {
				b.SetBytes(int64(len(text.text)))
				b.ReportAllocs()
				before := cpuTime(b)
				for b.Loop() {
					if err := reader.read(text.text); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

type benchText struct {
	name string
	text []byte
}

func benchTexts(b *testing.B) []benchText {
	texts := []benchText{
		{"100kB", []byte(read(b, filepath.Join("testdata", "go1.26", "heap.txt")))},
		{"4MB", synthetic(4 << 20)},
		{"40MB", synthetic(40 << 20)},
	}
	files, err := filepath.Glob("../profile/testdata/corpus/*.heap.txt.gz")
	if err != nil {
		b.Fatal(err)
	}
	for _, file := range files {
		texts = append(texts, benchText{strings.TrimSuffix(filepath.Base(file), ".heap.txt.gz"), unzip(b, file)})
	}
	return texts
}

func unzip(t testing.TB, file string) []byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// cpuTime is the CPU time of this process, ns.
func cpuTime(b *testing.B) int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}
