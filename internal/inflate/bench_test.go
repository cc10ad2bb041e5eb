// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package inflate

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	kgzip "github.com/klauspost/compress/gzip"
)

// BenchmarkInflate inflates all heap profiles, or all texts, of the corpus. cpu-ns/op is the process's CPU time.
func BenchmarkInflate(b *testing.B) {
	ours, std, klauspost, wire, buf := new(Reader), new(gzip.Reader), new(kgzip.Reader), new(bytes.Reader), make([]byte, 64<<10)
	stream := func(z interface {
		io.Reader
		Reset(io.Reader) error
	}) func(body []byte) error {
		return func(body []byte) error {
			wire.Reset(body)
			err := z.Reset(wire)
			for err == nil {
				_, err = z.Read(buf)
			}
			return err
		}
	}
	for _, kind := range []string{".heap.pb.gz", ".txt.gz"} {
		var set [][]byte
		size := 0
		for name, body := range bodies(b) {
			if strings.HasPrefix(name, "corpus/") && strings.HasSuffix(name, kind) {
				plain, err := oracle(body)
				if err != nil {
					b.Fatal(err)
				}
				set, size = append(set, body), size+len(plain)
			}
		}
		for _, peer := range []struct {
			name    string
			inflate func([]byte) error
		}{
			{"heapgate", func(body []byte) error { drain(ours, body); return io.EOF }},
			{"klauspost", stream(klauspost)},
			{"std", stream(std)},
		} {
			b.Run("corpus="+kind[1:]+"/impl="+peer.name, func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				before := cpuTime(b)
				for b.Loop() {
					for _, body := range set {
						if err := peer.inflate(body); !errors.Is(err, io.EOF) {
							b.Fatal(err)
						}
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
