// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestStreams reads "number@time" and writes the process, with ! at a restart and * while several write at once.
func TestStreams(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"one process", "1@0.1 2@0.2 3@0.2 4@0.5", "0 0 0 0"},
		{"from the middle", "17@5.0 18@5.5", "0 0"},
		{"lost records", "1@0.1 2@0.2 7@0.9 8@1.0", "0 0 0 0"},
		{"restart", "1@0.1 2@0.2 3@0.3 1@0.0 2@0.1 3@0.4 4@0.5", "0 0 0 1! 1 1 1"},
		{"restart of which the first was lost", "1@0.1 2@0.2 3@9.3 4@9.5 2@0.1 3@0.2", "0 0 0 0 1! 1"},
		{"restart with a higher number and less time", "1@7.1 2@7.2 4@0.3 5@0.4", "0 0 1! 1"},
		{"many restarts", "1@0.1 1@0.1 1@0.1 2@0.2", "0 1! 2! 2"},
		{"two at once", "1@0.1 2@0.2 3@0.3 1@0.1 4@0.4 2@0.2 5@0.5 3@0.3", "0 0 0 1! 0* 1* 0* 1*"},
		{"two at once, three with a third", "5@0.5 1@0.1 6@0.6 9@0.0 2@0.2 10@0.2 7@0.7", "0 1! 0* 2!* 1* 2* 0*"},
		{"cannot tell", "1@0.1 2@0.2 1@0.1 3@0.3 2@0.2 3@0.4 4@0.5", "0 0 1! 0* 1* 1* ?*"},
		{"lost, and an old one is nearer", "1@0.1 2@0.2 3@0.3 4@0.4 1@0.1 6@0.6 2@0.2", "0 0 0 0 1! ? 1"},
		{"without number", "1@0.1 ?@0.2 3@0.3 2@?", "0 0 0 1!"},
		{"without number at two", "1@0.1 2@0.2 3@0.3 1@0.1 4@0.4 ?@0.5", "0 0 0 1! 0* ?*"},
		{"first without number", "?@0.2", "?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s Streams
			var got []string
			for _, text := range strings.Fields(c.in) {
				var cycle Cycle
				gc, at, _ := strings.Cut(text, "@")
				if _, err := fmt.Sscan(gc, &cycle.GC); err != nil {
					cycle.Absent |= FieldGC
				}
				if _, err := fmt.Sscan(at, &cycle.At); err != nil {
					cycle.Absent |= FieldAt
				}
				process, restarted := s.Add(cycle)
				word := fmt.Sprint(process)
				if process == CannotTell {
					word = "?"
				}
				if restarted {
					word += "!"
				}
				if s.Mixed() {
					word += "*"
				}
				got = append(got, word)
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestStreamsAreBounded fills the table of processes, and lets the one that is left clear it.
func TestStreamsAreBounded(t *testing.T) {
	var s Streams
	for i := range 1000 {
		s.Add(Cycle{GC: 1, At: float64(i)})
		if len(s.processes) > maxProcesses {
			t.Fatalf("%d processes are held, want at most %d", len(s.processes), maxProcesses)
		}
	}
	for i := range int64(2 * sleepLimit) {
		s.Add(Cycle{GC: 2 + i, At: 1000 + float64(i)})
	}
	if len(s.processes) != 1 || s.Mixed() {
		t.Errorf("%d processes are held, mixed: %v", len(s.processes), s.Mixed())
	}
}

// TestMixedEnds: one of two processes ended long ago.
func TestMixedEnds(t *testing.T) {
	var s Streams
	for i, c := range []Cycle{{GC: 1}, {GC: 2}, {GC: 3}, {GC: 1}, {GC: 4}} {
		c.At = float64(i)
		s.Add(c)
	}
	if !s.Mixed() {
		t.Fatal("two processes, and not mixed")
	}
	for i := range int64(100) {
		s.Add(Cycle{GC: 5 + i, At: float64(10 + i)})
	}
	if s.Mixed() {
		t.Error("mixed, and only one was heard for 100 cycles")
	}
}
