// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzScanner reads anything, raw and unwrapped. No panic; a record is a cycle or bad; an intact one stands in the text as
// it is printed; small reads make no difference.
func FuzzScanner(f *testing.F) {
	for _, name := range []string{"versions", "go1.5", "go1.4", "torn", "torn_end", "bad", "ambiguous", "glued", "garbage", "docker", "cri"} {
		archive, err := txtar.ParseFile("testdata/" + name + ".txtar")
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if file.Name == "in" {
				f.Add(file.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		at := -1
		s := NewScanner(bytes.NewReader(in), Settings{})
		for s.Scan() {
			r := s.Record()
			if (r.Cycle == nil) == (r.Bad == nil) {
				t.Fatalf("neither or both: %+v", r)
			}
			if r.Bad != nil && len(r.Bad.Text) > maxExcerpt {
				t.Errorf("excerpt of %d bytes", len(r.Bad.Text))
			}
			if int(r.Offset) <= at || int(r.Offset) >= len(in) || r.Line != 1+bytes.Count(in[:r.Offset], newline) {
				t.Errorf("offset %d after %d, line %d", r.Offset, at, r.Line)
			}
			at = int(r.Offset)
			if c := r.Cycle; c != nil && !c.Mended && !c.Ambiguous && !strings.HasPrefix(string(in[at:]), c.String()) {
				t.Errorf("printed %q, read from %q", c, in[at:])
			}
		}
		if err := s.Err(); err != nil {
			t.Error(err)
		}
		if got, want := s.Neighbours(), neighboursOf(in); got != want {
			t.Errorf("neighbours %+v, want %+v", got, want)
		}
		for _, format := range []Format{Raw, Auto, Docker, CRI} {
			whole := describe(t, bytes.NewReader(in), format)
			if small := describe(t, iotest.OneByteReader(bytes.NewReader(in)), format); small != whole {
				t.Errorf("%s: byte by byte\n%sat once\n%s", format, small, whole)
			}
		}
	})
}

// FuzzIntact holds the two readers of the grammar against each other: what one reads, the other reads to the same value.
func FuzzIntact(f *testing.F) {
	f.Add(cycle)
	f.Add("gc 1 @0.009s 1%: 0.059+0.17+0.005+0.24+0.12 ms clock, 0.17+0.17+0+0/0.36/0.067+0.38 ms cpu, 5->5->3 MB, 4 MB goal, 8 P")
	f.Add("gc 1 @4.035s 0% (checking for goroutine leaks): 0.28+11+0 ms clock, 10+0/1.0/0.20+0.014 ms cpu, 1->1->1 MB, 4 MB goal, 2 P (forced)")
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\n\r") {
			t.Skip()
		}
		var fast, slow Cycle
		_, stacks, globals, ok := intact([]byte(line), &fast)
		m := new(mender)
		m.begin([]byte(line), true, start{})
		read := m.done && !m.result.gap && m.result.struck == 0
		if ok != read && strings.HasPrefix(line, "gc ") {
			t.Fatalf("intact %v, mender %v: %q", ok, read, line)
		}
		if !ok {
			return
		}
		slowStacks, slowGlobals := m.result.cycle(&slow)
		if slow != fast || stacks != slowStacks || globals != slowGlobals {
			t.Errorf("intact %+v %d %d\nmender %+v %d %d", fast, stacks, globals, slow, slowStacks, slowGlobals)
		}
	})
}
