// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzRecogniser reads anything. No panic; a crash begins at the start of a line with a head, crashes come in order and are
// bounded, their text is clean; small pieces make no difference; nor does it where reading was begun, if that was no place
// inside of a dump.
func FuzzRecogniser(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatal("no fixtures", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if in := archive.Files[0].Data; len(in) < 4000 {
			f.Add(in)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		found := find(in, max(1, len(in)))
		last := int64(-1)
		for i := range found {
			c := &found[i]
			if c.Offset <= last || c.Offset >= int64(len(in)) || c.Offset > 0 && in[c.Offset-1] != '\n' || c.InputLine != 1+bytes.Count(in[:c.Offset], []byte{'\n'}) {
				t.Fatalf("offset %d after %d, line %d", c.Offset, last, c.InputLine)
			}
			last = c.Offset
			line, _, _ := bytes.Cut(in[c.Offset:], []byte{'\n'})
			if _, _, _, ok := head(line); !ok || !slices.Contains(Kinds, c.Kind) {
				t.Errorf("%s begins with %q", c.Kind, line)
			}
			if err := bounded(c); err != "" {
				t.Error(err)
			}
			if text := describe(found[i : i+1]); !utf8.ValidString(text) || strings.ContainsFunc(strings.NewReplacer("\n", "", "\t", "").Replace(text), func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("not clean: %q", text)
			}
		}
		if got, want := describe(find(in, 1)), describe(found); got != want {
			t.Errorf("byte by byte\n%sat once\n%s", got, want)
		}
		if len(in) < 2000 {
			resumed(t, in, found)
		}
	})
}

// resumed begins at the start of every line at which no dump is read.
func resumed(t *testing.T, in []byte, found []Crash) {
	t.Helper()
	r := New(func(Crash) {})
	for at := 0; at < len(in); {
		if !r.Busy() {
			var rest []Crash
			for _, c := range found {
				if c.Offset >= int64(at) {
					c.Offset -= int64(at)
					rest = append(rest, c)
				}
			}
			got := find(in[at:], len(in))
			if !slices.EqualFunc(got, rest, func(a, b Crash) bool { return a.Offset == b.Offset && a.Kind == b.Kind && a.Line == b.Line }) {
				t.Fatalf("from %d on\n%sof all\n%s", at, describe(got), describe(rest))
			}
		}
		n := bytes.IndexByte(in[at:], '\n') + 1
		if n == 0 {
			return
		}
		r.Text(in[at : at+n])
		at += n
	}
}

// TestEveryFixtureGoesOnAtEveryLine is the same of what real programs wrote.
func TestEveryFixtureGoesOnAtEveryLine(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		in := archive.Files[0].Data
		for _, text := range [][]byte{in, slices.Concat([]byte("x\n"), in, []byte("x\ny\n"), in)} {
			resumed(t, text, find(text, len(text)))
		}
	}
}
