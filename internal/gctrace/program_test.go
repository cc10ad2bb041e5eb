// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// TestProgram runs a real Go program that logs to the stderr its runtime traces to, and holds the cycles against what the
// program knows of itself: how many there were, and how many of them were forced.
func TestProgram(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "writer")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./testdata/prog/writer")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, c := range []struct {
		name string
		args []string
		min  float64 // share of the cycles that must be whole
	}{
		{"silent", []string{"-writers=0"}, 1},
		{"busy", []string{"-writers=1", "-pause=1ms"}, 0.98},
		{"torture", []string{"-writers=2", "-pause=20us"}, 0.9},
	} {
		t.Run(c.name, func(t *testing.T) {
			var truth, trace bytes.Buffer
			program := exec.CommandContext(t.Context(), binary, c.args...)
			program.Env = append(os.Environ(), "GODEBUG=gctrace=1", "GOGC=50")
			program.Stdout, program.Stderr = &truth, &trace
			if err := program.Run(); err != nil {
				t.Fatal(err)
			}
			var cycles, forced int64
			if _, err := fmt.Sscan(truth.String(), &cycles, &forced); err != nil {
				t.Fatal(err)
			}
			checkProgram(t, trace.Bytes(), cycles, forced, c.min)
		})
	}
}

func checkProgram(t *testing.T, trace []byte, cycles, forced int64, min float64) {
	t.Helper()
	s := NewScanner(bytes.NewReader(trace), Settings{})
	var streams Streams
	var whole, forcedHeard int64
	last, at := int64(0), 0.0
	for s.Scan() {
		c := s.Record().Cycle
		if c == nil || c.Ambiguous {
			continue
		}
		whole++
		if c.GC <= last || c.GC > cycles || c.At < at {
			t.Errorf("line %d: cycle %d at %v after cycle %d at %v of %d", c.Line, c.GC, c.At, last, at, cycles)
		}
		last, at = c.GC, c.At
		if c.Percent > 100 || c.Procs != runtime.GOMAXPROCS(0) || c.Heap.Live > 1000 || c.GoalMB > 1000 || c.StacksMB == nil {
			t.Errorf("line %d: not of this program: %v", c.Line, c)
		}
		if process, restarted := streams.Add(*c); process != 0 || restarted || streams.Mixed() {
			t.Errorf("line %d: process %d, restarted %v, mixed %v", c.Line, process, restarted, streams.Mixed())
		}
		if c.Forced {
			forcedHeard++
		}
	}
	n := s.Counts()
	t.Logf("%d cycles in %d lines: %+v", cycles, bytes.Count(trace, newline), n)
	if n.Records != cycles || float64(whole) < min*float64(cycles) {
		t.Errorf("%d records and %d whole, want %d and at least %v of them: %+v", n.Records, whole, cycles, min, n)
	}
	if forcedHeard > forced || forcedHeard < forced-(cycles-whole) {
		t.Errorf("%d cycles were forced, want %d", forcedHeard, forced)
	}
}
