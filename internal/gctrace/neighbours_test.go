// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"
)

// A line counts when nine bytes of it have come, or its newline.
var (
	scavLine     = regexp.MustCompile(`^scav [0-9](.{3}|.{0,2}\n)`)
	pacerLine    = regexp.MustCompile(`^pacer: (.{2}|.?\n)`)
	scanLine     = regexp.MustCompile(`^scan: (.{3}|.{0,2}\n)`)
	periodicLine = regexp.MustCompile(`^GC forced`)
)

// neighboursOf is the slow way to count them.
func neighboursOf(in []byte) (n Neighbours) {
	for line := range bytes.Lines(in) {
		line = bytes.Clone(line[:min(len(line), 9)])
		for i := range line {
			if line[i] >= utf8.RuneSelf {
				line[i] = '?' // . matches no invalid UTF-8
			}
		}
		for kind, count := range map[*regexp.Regexp]*int64{scavLine: &n.Scav, pacerLine: &n.Pacer, scanLine: &n.Scan, periodicLine: &n.Periodic} {
			if kind.Match(line) {
				*count++
			}
		}
	}
	return n
}

// traces are the other traces that share the stderr with gctrace.
var traces = []string{"gctrace=1,scavtrace=1,gcpacertrace=1", "gctrace=2,scavtrace=1,gcpacertrace=1,inittrace=1"}

// TestProgramWithNeighbours has the runtime write all its traces, alone and beside a thread that logs: no record is lost or
// bad because of them.
func TestProgramWithNeighbours(t *testing.T) {
	for version, binary := range writers(t) {
		for i, trace := range traces {
			for _, c := range []struct {
				name string
				args []string
				min  float64
			}{{"silent", []string{"-writers=0"}, 1}, {"busy", []string{"-writers=1", "-pause=200us"}, 0.95}} {
				t.Run(fmt.Sprint(version, "/", c.name, i), func(t *testing.T) {
					text, cycles, forced := write(t, binary, trace, append(c.args, "-cycles=50"))
					if version == "go1.19" {
						forced = -1 // it counts fewer than it prints
					}
					checkProgram(t, text, cycles, forced, c.min)
					s := NewScanner(bytes.NewReader(text), Settings{})
					for s.Scan() {
					}
					if n := s.Neighbours(); n != neighboursOf(text) || n.Scav < cycles/2 || n.Pacer < cycles || (n.Scan > 0) != (version == "go1.26" && i == 1) {
						t.Errorf("%+v beside %d cycles", n, cycles)
					}
				})
			}
			if *update {
				text, _, _ := write(t, binary, trace, []string{"-writers=1", "-pause=100us", "-cycles=8"})
				archive := &txtar.Archive{
					Comment: fmt.Appendf(nil, "Recorded from testdata/prog/writer, built with %s, under GODEBUG=%s.\n", version, trace),
					Files:   []txtar.File{{Name: "in", Data: text}, {Name: "out", Data: []byte(describe(t, bytes.NewReader(text), Raw))}},
				}
				if err := os.WriteFile(fmt.Sprintf("testdata/neighbours_%s_%d.txtar", version, i+1), txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// writers are testdata/prog/writer built by the toolchains that are there.
func writers(t *testing.T) map[string]string {
	t.Helper()
	const oldGo = "/usr/lib/go-1.19/bin/go" // Debian's bookworm; a machine may lack it
	tools := map[string]string{"go1.26": "go"}
	if _, err := os.Stat(oldGo); err == nil {
		tools["go1.19"] = oldGo
	}
	source, err := filepath.Abs("testdata/prog/writer/main.go")
	if err != nil {
		t.Fatal(err)
	}
	binaries := map[string]string{}
	for version, goTool := range tools {
		binary := filepath.Join(t.TempDir(), version)
		build := exec.CommandContext(t.Context(), goTool, "build", "-o", binary, source)
		build.Dir = filepath.Dir(binary) // outside the module, whose go line an old toolchain refuses
		build.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOFLAGS=", "GOWORK=off", "GO111MODULE=auto")
		if goTool != "go" {
			build.Env = append(build.Env, "GOROOT="+filepath.Dir(filepath.Dir(goTool)))
		}
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		binaries[version] = binary
	}
	return binaries
}

// write runs the writer: what it wrote, and what it knows of itself.
func write(t *testing.T, binary, trace string, args []string) (text []byte, cycles, forced int64) {
	t.Helper()
	var truth, stderr bytes.Buffer
	program := exec.CommandContext(t.Context(), binary, args...)
	program.Env = append(os.Environ(), "GODEBUG="+trace, "GOGC=50")
	program.Stdout, program.Stderr = &truth, &stderr
	if err := program.Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(truth.String(), &cycles, &forced); err != nil {
		t.Fatal(err)
	}
	return stderr.Bytes(), cycles, forced
}
