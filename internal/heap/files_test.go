// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/google/go-cmp/cmp"
)

func read(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	write(t, to, read(t, from))
}

// golden compares text with a file, or writes it with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		write(t, file, got)
	}
	if diff := cmp.Diff(read(t, file), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func fixtures(t testing.TB) []string {
	t.Helper()
	texts, err := filepath.Glob("testdata/go1.*/heap.txt")
	if err != nil || len(texts) < 2 {
		t.Fatalf("got %d fixtures, want those of old maps and of Swiss maps (%v)", len(texts), err)
	}
	dirs := make([]string, len(texts))
	for i, text := range texts {
		dirs[i] = filepath.Dir(text)
	}
	return dirs
}

func parse(t testing.TB, text string) *Text {
	t.Helper()
	parsed, err := Parse(strings.NewReader(text), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// lookup makes the symbol function of an answer of /debug/pprof/symbol.
func lookup(t testing.TB, symbols string) func(uint64) (string, bool) {
	t.Helper()
	names, err := ParseSymbols(strings.NewReader(symbols), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return func(address uint64) (string, bool) { name, ok := names[address]; return name, ok }
}

func snapshotOf(t testing.TB, text, symbols string) Snapshot {
	t.Helper()
	return parse(t, read(t, text)).Snapshot(lookup(t, read(t, symbols)))
}

// table shows a snapshot for a reader.
func table(s Snapshot) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "alloc\tobjects\tin use\tobjects\tsamples\tstderr\t  class\t")
	for _, site := range s.Sites {
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%.0f\t%s\t  %s %s:%d\n", site.AllocBytes, site.AllocObjects, site.InuseBytes, site.InuseObjects,
			site.Samples, site.StdErrBytes, site.Class, site.Function, site.File, site.Line)
	}
	if err := w.Flush(); err != nil {
		panic(err)
	}
	fmt.Fprintf(&b, "total %+v\nobserver %+v\n", s.Total, s.Observer)
	for _, warning := range s.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", warning)
	}
	return b.String()
}
