// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package heap

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
	kgzip "github.com/klauspost/compress/gzip"

	"github.com/heapgate/heapgate/internal/inflate"
)

// corpus gives the heap profiles of real programs that package profile keeps, by program.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../profile/testdata/corpus/*.heap.pb.gz")
	if err != nil {
		t.Fatal(err)
	}
	bodies := map[string][]byte{}
	for _, file := range files {
		bodies[strings.TrimSuffix(filepath.Base(file), ".heap.pb.gz")] = []byte(read(t, file))
	}
	if len(bodies) < 4 {
		t.Fatalf("got %d heap profiles in the corpus, want at least 4", len(bodies))
	}
	return bodies
}

// corpusText gives the text of a program's profile, unzipped.
func corpusText(t testing.TB, name string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(read(t, "../profile/testdata/corpus/"+name+".heap.txt.gz")))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// taught gives a target that has been read once, whose Build knows its text.
func taught(t testing.TB, r *ProtoReader, name string, body []byte) *ProtoTarget {
	t.Helper()
	target := &ProtoTarget{Build: NewBuild(BuildLimits{})}
	readProto(t, r, target, body)
	text, pairs, err := ParsePairs(strings.NewReader(corpusText(t, name)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	named := func(uint64) (string, bool) { return "runtime.mallocgc", true }
	if _, err := target.Build.Learn(text, pairs, named, target.Base()); err != nil {
		t.Fatal(err)
	}
	readProto(t, r, target, body)
	return target
}

// BenchmarkHeapProto turns the profile of each program into the change by call site, again and again: what one body costs.
func BenchmarkHeapProto(b *testing.B) {
	bodies, peers := protoPeers(b)
	for _, name := range slices.Sorted(maps.Keys(bodies)) {
		for _, peer := range peers {
			b.Run("program="+name+"/impl="+peer.name, func(b *testing.B) {
				benchProto(b, func() error { return peer.read(name, bodies[name]) })
			})
		}
	}
}

// BenchmarkHeapProtoInTurn goes from program to program, as a collector does that hears one build after the other: what is
// remembered of a build has left the caches of a small machine when it is heard again.
func BenchmarkHeapProtoInTurn(b *testing.B) {
	bodies, peers := protoPeers(b)
	for _, peer := range peers {
		b.Run("impl="+peer.name, func(b *testing.B) {
			benchProto(b, func() error {
				for name, body := range bodies {
					if err := peer.read(name, body); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
}

func benchProto(b *testing.B, read func() error) {
	b.ReportAllocs()
	start := cpuTime(b)
	for b.Loop() {
		if err := read(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N), "cpu-ns/op")
}

type protoPeer struct {
	name string
	read func(name string, body []byte) error
}

// protoPeers are the ways to read a profile. pprof: google/pprof's Parse, and Merge with the profile before scaled by -1.
// delta: see deltaMerge. The inflate entries are the floors: they only decompress.
func protoPeers(b *testing.B) (map[string][]byte, []protoPeer) {
	bodies := corpus(b)
	reader := NewProtoReader(ProtoLimits{})
	targets, before, deltas := map[string]*ProtoTarget{}, map[string]*profile.Profile{}, map[string]*deltaMerge{}
	for name, body := range bodies {
		targets[name] = taught(b, reader, name, body)
		before[name] = parsePprof(b, body)
		before[name].Scale(-1)
		deltas[name] = newDeltaMerge()
		if _, err := deltas[name].read(body); err != nil {
			b.Fatal(err)
		}
	}
	ours, std, klauspost := new(inflate.Reader), new(gzip.Reader), new(kgzip.Reader)
	return bodies, []protoPeer{
		{"heapgate", func(name string, body []byte) error {
			_, err := reader.Read(bytes.NewReader(body), targets[name])
			return err
		}},
		{"careful", func(name string, body []byte) error {
			_, err := reader.Read(bytes.NewReader(body), &ProtoTarget{Build: targets[name].Build})
			return err
		}},
		{"pprof", func(name string, body []byte) error {
			_, err := profile.Merge([]*profile.Profile{before[name], parsePprof(b, body)})
			return err
		}},
		{"delta", func(name string, body []byte) error {
			_, err := deltas[name].read(body)
			return err
		}},
		{"inflate", func(_ string, body []byte) error {
			ours.Reset(body)
			used := 0
			for {
				window, err := ours.Next(used)
				if err != nil {
					return ignoreEOF(err)
				}
				used = len(window)
			}
		}},
		{"klauspost", func(_ string, body []byte) error {
			if err := klauspost.Reset(bytes.NewReader(body)); err != nil {
				return err
			}
			_, err := io.Copy(io.Discard, klauspost)
			return err
		}},
		{"std", func(_ string, body []byte) error {
			if err := std.Reset(bytes.NewReader(body)); err != nil {
				return err
			}
			_, err := io.Copy(io.Discard, std)
			return err
		}},
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func parsePprof(t testing.TB, body []byte) *profile.Profile {
	t.Helper()
	p, err := profile.ParseData(body)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
