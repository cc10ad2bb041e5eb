// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cpu

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/heapgate/heapgate/internal/profile"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestBehaviour shows what stacks say. `-- in --` has `duration D`, `sites N`, and one line a stack: the samples of 10 ms
// it has, then its frames from the leaf, `function`, `function:line` or `function:line:column`. A `+` before a frame says that the frame to its
// left is inlined into it.
func TestBehaviour(t *testing.T) {
	files, err := filepath.Glob("testdata/behaviour/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures (%v)", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p, limits := stacks(t, string(archive.Files[0].Data))
			r, err := Of(p, limits)
			if err != nil {
				t.Fatal(err)
			}
			checkSums(t, r)
			got := table(r)
			if *update {
				archive.Files = append(archive.Files[:1], txtar.File{Name: "out", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// stacks makes a profile of a fixture's text.
func stacks(t *testing.T, text string) (*profile.Profile, Limits) {
	t.Helper()
	p := &profile.Profile{SampleTypes: []profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}}}
	var limits Limits
	functions := map[string]int32{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
			continue
		case words[0] == "duration":
			d, err := time.ParseDuration(words[1])
			if err != nil {
				t.Fatal(err)
			}
			p.DurationNanos = d.Nanoseconds()
			continue
		case words[0] == "sites":
			fmt.Sscan(words[1], &limits.Sites)
			continue
		}
		var count int64
		if _, err := fmt.Sscan(words[0], &count); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		s := profile.Sample{Values: []int64{count, count * 1e7}}
		for _, frame := range words[1:] {
			frame, inlining := strings.CutPrefix(frame, "+")
			name, number, _ := strings.Cut(frame, ":")
			var at, column int64
			fmt.Sscanf(number, "%d:%d", &at, &column)
			if _, ok := functions[name]; !ok {
				functions[name] = int32(len(p.Functions))
				p.Functions = append(p.Functions, profile.Function{Name: name, File: "x.go"})
			}
			if inlining {
				l := &p.Locations[len(p.Locations)-1]
				l.Lines = append(l.Lines, profile.Line{Function: functions[name], Line: at, Column: column})
				continue
			}
			s.Locations = append(s.Locations, int32(len(p.Locations)))
			p.Locations = append(p.Locations, profile.Location{Mapping: -1, Lines: []profile.Line{{Function: functions[name], Line: at, Column: column}}})
		}
		p.Samples = append(p.Samples, s)
	}
	return p, limits
}

// TestRefused: a profile of something else, and sums that cannot be.
func TestRefused(t *testing.T) {
	p, limits := stacks(t, "1 main.f")
	p.SampleTypes = []profile.ValueType{{Type: "contentions", Unit: "count"}, {Type: "delay", Unit: "nanoseconds"}}
	if r, err := Of(p, limits); !errors.Is(err, ErrNotCPU) || r.GC != nil {
		t.Errorf("got %+v and %v, want ErrNotCPU alone", r, err)
	}
	p, limits = stacks(t, "1 main.f\n1 main.g")
	p.Samples[0].Values[1], p.Samples[1].Values[1] = 1<<62, 1<<62
	if r, err := Of(p, limits); !errors.Is(err, errOverflow) || r.GC != nil {
		t.Errorf("got %+v and %v, want an overflow", r, err)
	}
}

// TestOddReferences: samples without all values and indices that refer to nothing do not stop the rest.
func TestOddReferences(t *testing.T) {
	p, limits := stacks(t, "1 main.f\n2 runtime.gcBgMarkWorker\n4 main.g\n8 main.h")
	p.Samples[0].Values = p.Samples[0].Values[:1]
	p.Samples[2].Values[1] = -1
	p.Samples[3].Locations = append(p.Samples[3].Locations, -1, 99)
	p.Locations[p.Samples[3].Locations[0]].Lines[0].Function = -1
	r, err := Of(p, limits)
	if err != nil {
		t.Fatal(err)
	}
	if r.Program.Samples != 10 || r.MarkShare.Samples != 2 || len(r.Warnings) != 2 || !strings.Contains(r.Warnings[1], "2 samples") {
		t.Errorf("got %+v", r)
	}
}
