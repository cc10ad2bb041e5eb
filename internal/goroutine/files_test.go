// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heapgate/heapgate/internal/stacktext"
)

var update = flag.Bool("update", false, "rewrite the fixtures; with -run TestProgram also record testdata/go1.NN")

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
	names, err := stacktext.ParseSymbols(strings.NewReader(symbols), Limits{}, ErrTruncated)
	if err != nil {
		t.Fatal(err)
	}
	return func(address uint64) (string, bool) { name, ok := names[address]; return name, ok }
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

// table shows a snapshot for a reader.
func table(s Snapshot) string {
	var b strings.Builder
	for _, site := range s.Sites {
		fmt.Fprintf(&b, "%d (%d in a map) %s: %s %s:%d\n", site.Count, site.InMap, site.State, site.Function, site.File, site.Line)
	}
	for _, state := range slices.Sorted(maps.Keys(s.ByState)) {
		fmt.Fprintf(&b, "state %s: %d\n", state, s.ByState[state])
	}
	for _, stack := range s.Stacks {
		fmt.Fprintf(&b, "stack %d %s: %s\n", stack.Count, stack.State, stack.Text)
	}
	fmt.Fprintf(&b, "total %d, observer %d, labelled %d, in maps %d, leak %v\n", s.Total, s.Observer, s.Labelled, s.InMap, s.Leak)
	for _, warning := range s.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", warning)
	}
	return b.String()
}

// checkSums holds the sites, the states and the observer to the total.
func checkSums(t *testing.T, s Snapshot) {
	t.Helper()
	sites, states, inMap := s.Observer, s.Observer, int64(0)
	for _, site := range s.Sites {
		sites += site.Count
		inMap += site.InMap
		if site.Count < 0 || site.InMap < 0 || site.InMap > site.Count {
			t.Errorf("%+v", site)
		}
	}
	for _, count := range s.ByState {
		states += count
	}
	if sites != s.Total || states != s.Total || inMap != s.InMap {
		t.Errorf("sites %d, states %d, total %d; in maps %d by site, %d in all", sites, states, s.Total, inMap, s.InMap)
	}
	for _, stack := range s.Stacks {
		if stack.Count > s.Total || len(stack.Text) > maxShownBytes+100 {
			t.Errorf("stack of %d of %d goroutines, %d bytes", stack.Count, s.Total, len(stack.Text))
		}
	}
}
