// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/heapgate/heapgate/internal/stacktext"
)

// oldGo is the go command of the oldest version that is read; the tests do without where it is not installed.
const oldGo = "/usr/lib/go-1.19/bin/go"

// protoRun is what testdata/proto wrote: for each out both forms of one profile, and the names of the hidden frames.
type protoRun struct {
	proto         []byte
	text, symbols string
}

// buildProto builds testdata/proto and gives the folder that has it.
func buildProto(t testing.TB, goTool, mode string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	copyFile(t, filepath.Join("testdata", "proto", "main.go"), filepath.Join(dir, "main.go"))
	write(t, filepath.Join(dir, "go.mod"), "module example.com/prog\n\ngo 1.19\n")
	command(t, dir, goTool, "build", "-trimpath", "-o", "prog", "-buildmode="+mode, ".")
	return dir
}

// runProto runs it.
func runProto(t testing.TB, dir, rate, rounds string, outs ...string) []protoRun {
	t.Helper()
	command(t, dir, "./prog", append([]string{rate, rounds}, outs...)...)
	var runs []protoRun
	for _, out := range outs {
		out = filepath.Join(dir, out)
		runs = append(runs, protoRun{[]byte(read(t, out+".heap.pb.gz")), read(t, out+".heap.txt"), read(t, out+".symbols.txt")})
	}
	return runs
}

func command(t testing.TB, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false", "GOTOOLCHAIN=local", "CGO_ENABLED=0", "GOROOT=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// TestProtoProgram reads both forms of the same profile, from Go of two versions, at a fixed address and
// position-independent, all blocks sampled and few. With what the text taught, the protobuf must say the same of every site.
func TestProtoProgram(t *testing.T) {
	tools := map[string]string{"go1.26": "go"}
	if _, err := os.Stat(oldGo); err == nil {
		tools["go1.19"] = oldGo
	}
	for version, tool := range tools {
		for _, mode := range []string{"exe", "pie"} {
			dir := buildProto(t, tool, mode)
			for rate, rounds := range map[string]string{"1": "3", "4096": "40", "524288": "300"} {
				t.Run(version+"/"+mode+"/rate="+rate, func(t *testing.T) {
					runs := runProto(t, dir, rate, rounds, "first", "second")
					build, reader := NewBuild(BuildLimits{}), NewProtoReader(ProtoLimits{})
					target := &ProtoTarget{Build: build}
					for i, run := range runs {
						readProto(t, reader, target, run.proto) // teaches the addresses, and where the program is
						learned := teachText(t, build, run, target.Base())
						got := readProto(t, reader, target, run.proto).Snapshot()
						want := parse(t, run.text).Snapshot(lookup(t, run.symbols))
						t.Logf("profile %d: %d pairs, %d ambiguous with %d of %d bytes, %d unnamed; %d bytes unknown; %d sites; kept %d bytes", i, learned.Pairs, learned.Ambiguous,
							learned.AmbiguousBytes, want.Total.AllocBytes, learned.Unnamed, unknownBytes(got), len(want.Sites), len(target.kept))
						checkForms(t, want, got, learned)
					}
					if reader.Careful != 2 {
						t.Errorf("%d profiles were read carefully, want the 2 that have new addresses", reader.Careful)
					}
				})
			}
		}
	}
}

func readProto(t testing.TB, r *ProtoReader, target *ProtoTarget, body []byte) *ProtoSnapshot {
	t.Helper()
	s, err := r.Read(bytes.NewReader(body), target)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func teachText(t testing.TB, b *Build, run protoRun, base uint64) Learned {
	t.Helper()
	text, pairs, err := ParsePairs(strings.NewReader(run.text), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	learned, err := b.Learn(text, pairs, lookup(t, run.symbols), base)
	if err != nil {
		t.Fatal(err)
	}
	return learned
}

func unknownBytes(s Snapshot) (n int64) {
	for _, site := range s.Sites {
		if site.Class == Unknown {
			n += site.AllocBytes
		}
	}
	return n
}

// checkForms holds the protobuf to the text. Where a pair stands for two ways through the runtime, as the buckets and the
// overflow buckets of the maps before Go 1.24 do, the lighter way's bytes are in the heavier's class; nothing else may differ.
func checkForms(t *testing.T, text, proto Snapshot, learned Learned) {
	t.Helper()
	if diff := gocmp.Diff(classless(text), classless(proto)); diff != "" {
		t.Errorf("sites without their classes (-text +protobuf):\n%s", diff)
	}
	if learned.Ambiguous == 0 && unknownBytes(proto) == 0 {
		if diff := gocmp.Diff(text, proto, onlyOfText, cmpopts.EquateApprox(1e-9, 1e-6)); diff != "" {
			t.Errorf("(-text +protobuf):\n%s", diff)
		}
		return
	}
	misplaced := misplacedBytes(text, proto)
	t.Logf("%d of %d bytes are in another class (%.3f%%)", misplaced, text.Total.AllocBytes, 100*float64(misplaced)/float64(text.Total.AllocBytes))
	if misplaced > learned.AmbiguousBytes+unknownBytes(proto) || misplaced > text.Total.AllocBytes/100 {
		t.Errorf("%d bytes are in another class, want no more than the %d of ambiguous pairs and the %d unknown, and 1%%", misplaced, learned.AmbiguousBytes, unknownBytes(proto))
	}
}

// onlyOfText leaves out what only a text has.
var onlyOfText = gocmp.Options{cmpopts.IgnoreFields(Snapshot{}, "MemStats", "Families", "Runtime"), cmpopts.IgnoreFields(Site{}, "LargestBytes")}

// misplacedBytes are those that the two have in different classes.
func misplacedBytes(text, proto Snapshot) (misplaced int64) {
	type key struct {
		function, file string
		line           int
		class          Class
	}
	more := map[key]int64{}
	for _, s := range text.Sites {
		more[key{s.Function, s.File, s.Line, s.Class}] += s.AllocBytes
	}
	for _, s := range proto.Sites {
		more[key{s.Function, s.File, s.Line, s.Class}] -= s.AllocBytes
	}
	for _, bytes := range more {
		misplaced += max(bytes, 0)
	}
	return misplaced
}

// classless adds the classes of each site up, and leaves out what only a text has.
func classless(s Snapshot) Snapshot {
	sums := siteSums{}
	index := map[stacktext.Place]int{}
	for _, site := range s.Sites {
		at := stacktext.Place{Function: site.Function, File: site.File, Line: site.Line}
		i, ok := index[at]
		if !ok {
			i = len(sums.all)
			index[at] = i
			sums.all = append(sums.all, siteSum{place: at})
		}
		sums.all[i].totals.add(Totals{site.AllocBytes, site.AllocObjects, site.InuseBytes, site.InuseObjects, site.Samples})
	}
	s.Sites, s.MemStats, s.Warnings, s.Families, s.Runtime = sums.sites(), MemStats{}, nil, nil, Runtime{}
	return s
}
