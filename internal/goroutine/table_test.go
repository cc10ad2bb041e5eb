// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package goroutine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// snapshot makes one of `FUNCTION=COUNT` words; a function that begins with s sends, the others receive.
func snapshot(words string) Snapshot {
	var s Snapshot
	for word := range strings.FieldsSeq(words) {
		site := Site{State: ChanReceive, File: "/a.go"}
		name, count, _ := strings.Cut(word, "=")
		if site.Function = name; name[0] == 's' {
			site.State = ChanSend
		}
		_, _ = fmt.Sscan(count, &site.Count)
		s.Sites = append(s.Sites, site)
		s.Total += site.Count
	}
	slices.SortFunc(s.Sites, byCount)
	return s
}

func TestTable(t *testing.T) {
	table := NewTable(2)
	for _, step := range []struct{ in, want string }{
		{"a=100 b=50 s=9 leak=1", "a=100+0 b=50+0 other/chan receive=1+0 other/chan send=9+0"},
		// the leak is small, but it is what grew
		{"a=100 b=50 s=9 leak=5", "a=100+0 b=50+0 leak=5+4 other/chan receive=0+0 other/chan send=9+0"},
		{"a=100 b=50 s=9 leak=5 new=70", "a=100+0 new=70+70 b=50+0 leak=5+4 other/chan receive=0+0 other/chan send=9+0"},
		// a is gone: what it had is missing among the rest
		{"b=51 s=9 leak=5 new=70", "new=70+70 b=51+1 leak=5+4 other/chan receive=0-100 other/chan send=9+0"},
		{"s1=1 s2=1 s3=1", "s1=1+1 s2=1+1 other/chan receive=0-151 other/chan send=1-8"},
	} {
		var got []string
		for _, site := range table.Add(snapshot(step.in)) {
			name := site.Function
			if name == OtherSite {
				name += "/" + string(site.State)
			}
			got = append(got, fmt.Sprintf("%s=%d%+d", name, site.Count, site.Growth))
		}
		if diff := cmp.Diff(step.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.in, diff)
		}
	}
}

// TestTableAddsUp: what is emitted is what is there, its growth that of the process, and the table stays small.
func TestTableAddsUp(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	table := NewTable(5)
	var first int64
	for round := range 50 {
		var words strings.Builder
		for i := range 400 {
			if n := random.IntN(30); n > 0 {
				fmt.Fprintf(&words, "%c%d=%d ", "rs"[i%2], i, n)
			}
		}
		s := snapshot(words.String())
		if round == 0 {
			first = s.Total
		}
		var count, growth int64
		emitted := table.Add(s)
		for _, site := range emitted {
			count += site.Count
			growth += site.Growth
		}
		if count != s.Total || growth != s.Total-first {
			t.Fatalf("round %d: %d goroutines, %d more than at first; want %d and %d", round, count, growth, s.Total, s.Total-first)
		}
		if len(emitted) > 2*5+2 || table.names.Len() > 2*5 || len(table.base) > maxBase {
			t.Fatalf("%d lines, %d names, %d remembered", len(emitted), table.names.Len(), len(table.base))
		}
	}
}
