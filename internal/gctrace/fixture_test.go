// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the out files of testdata/*.txtar")

// TestFixtures reads `-- in --` of testdata/*.txtar, at once and in small pieces, and compares with `-- out --`. A record
// is one line: the line of the file, whether it is intact, and what was read; then the counts.
func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no fixtures", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			format, in, out := Raw, []byte(nil), (*txtar.File)(nil)
			for i, f := range archive.Files {
				switch f.Name {
				case "format":
					format = Format(strings.TrimSpace(string(f.Data)))
				case "in":
					in = f.Data
				case "out":
					out = &archive.Files[i]
				}
			}
			got := describe(t, bytes.NewReader(in), format)
			if *update {
				out.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(out.Data), got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			for name, r := range map[string]io.Reader{
				"byte by byte":       iotest.OneByteReader(bytes.NewReader(in)),
				"in halves":          iotest.HalfReader(bytes.NewReader(in)),
				"data with an error": iotest.DataErrReader(bytes.NewReader(in)),
			} {
				if diff := cmp.Diff(got, describe(t, r, format)); diff != "" {
					t.Errorf("%s reads differently:\n%s", name, diff)
				}
			}
		})
	}
}

func describe(t *testing.T, r io.Reader, format Format) string {
	t.Helper()
	text, err := Unwrap(r, format)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	s := NewScanner(text, Settings{})
	for s.Scan() {
		rec := s.Record()
		switch c := rec.Cycle; {
		case c == nil:
			fmt.Fprintf(&out, "%d: bad: %s: %q\n", rec.Line, rec.Bad.Reason, rec.Bad.Text)
		case c.Ambiguous:
			fmt.Fprintf(&out, "%d: ambiguous: %v\n", rec.Line, c)
		case c.Mended:
			fmt.Fprintf(&out, "%d: mended: %v\n", rec.Line, c)
		default:
			fmt.Fprintf(&out, "%d: intact: %v\n", rec.Line, c)
		}
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	n := s.Counts()
	if n.Records != n.Intact+n.Mended+n.Ambiguous+n.Bad {
		t.Errorf("counts do not add up: %+v", n)
	}
	fmt.Fprintf(&out, "%d records: %d intact, %d mended, %d ambiguous, %d bad\n", n.Records, n.Intact, n.Mended, n.Ambiguous, n.Bad)
	if other := s.Neighbours(); other != (Neighbours{}) {
		fmt.Fprintf(&out, "beside them: %d scav, %d pacer, %d scan, %d periodic\n", other.Scav, other.Pacer, other.Scan, other.Periodic)
	}
	return out.String()
}

var newline = []byte{'\n'}
