// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the out files of testdata/*.txtar; with -run TestProgram also record the in files of go1.*")

// TestFixtures reads `-- in --` of testdata/*.txtar, whole and in pieces, and compares with `-- out --`: what is reported
// of each crash.
func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no fixtures", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil || len(archive.Files) != 2 {
				t.Fatal("not in and out", err)
			}
			in, out := archive.Files[0].Data, &archive.Files[1]
			got := describe(find(in, len(in)))
			if *update {
				out.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(out.Data), got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			for _, n := range []int{1, 2, 7, 100, 0} {
				if diff := cmp.Diff(got, describe(find(in, n))); diff != "" {
					t.Errorf("in pieces of %d it reads differently:\n%s", n, diff)
				}
			}
		})
	}
}

// find reads a text in pieces of n bytes, of any size if n is 0.
func find(text []byte, n int) (found []Crash) {
	r := New(func(c Crash) { found = append(found, c) })
	random := rand.New(rand.NewPCG(1, uint64(len(text))))
	for len(text) > 0 {
		size := n
		if n == 0 {
			size = 1 + random.IntN(200)
		}
		size = min(size, len(text))
		piece := bytes.Clone(text[:size]) // what is held must be a copy
		r.Text(piece)
		clear(piece)
		text = text[size:]
	}
	r.Flush()
	return found
}

func describe(found []Crash) string {
	var b strings.Builder
	for _, c := range found {
		fmt.Fprintf(&b, "line %d: %s: %s\n", c.InputLine, c.Kind, c.Message)
		if c.State != "" {
			fmt.Fprintf(&b, "\tgoroutine %d, %s\n", c.Goroutine, c.State)
		}
		if c.Function != "" || c.File != "" {
			fmt.Fprintf(&b, "\tat %s\n", place(c.Function, c.File, c.Line))
		}
		if c.Caller != (Frame{}) {
			fmt.Fprintf(&b, "\tcalled by %s\n", place(c.Caller.Function, c.Caller.File, c.Caller.Line))
		}
		for _, f := range c.Stack[:min(len(c.Stack), 4)] {
			fmt.Fprintf(&b, "\t\t%s\n", place(f.Function, f.File, f.Line))
		}
		if n := len(c.Stack); n > 4 {
			fmt.Fprintf(&b, "\t\tand %d frames more\n", n-4)
		}
		for _, note := range c.Notes {
			fmt.Fprintf(&b, "\tnote: %s\n", note)
		}
	}
	if len(found) == 0 {
		return "none\n"
	}
	return b.String()
}

func place(function, file string, line int) string {
	return fmt.Sprintf("%s %s:%d", function, file, line)
}
