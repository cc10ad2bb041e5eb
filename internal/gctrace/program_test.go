// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"bytes"
	"runtime"
	"testing"
)

// TestProgram runs a real Go program that logs to the stderr its runtime traces to, and holds the cycles against what the
// program knows of itself: how many there were, and how many of them were forced.
func TestProgram(t *testing.T) {
	binary := writers(t)["go1.26"]
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
			trace, cycles, forced := write(t, binary, "gctrace=1", c.args)
			checkProgram(t, trace, cycles, forced, c.min)
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
	if forced < 0 {
		return
	}
	if forcedHeard > forced || forcedHeard < forced-(cycles-whole) {
		t.Errorf("%d cycles were forced, want %d", forcedHeard, forced)
	}
}
