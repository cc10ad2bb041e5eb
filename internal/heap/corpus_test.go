// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestCorpusPairs asks real programs whether the pair of the leaf's call address and the block size tells the way through
// the runtime: testdata/corpus_pairs.txt has how many pairs of a text do, and the bytes of those that do not. misplaced are
// the bytes that a protobuf profile has in another class than the text of the same process has; it is known only where both
// were written of the same collection.
func TestCorpusPairs(t *testing.T) {
	var table strings.Builder
	row := func(columns ...any) { fmt.Fprintf(&table, "%-16s%8v%11v%18v%9v%9v%14v%11v\n", columns...) }
	row("program", "pairs", "ambiguous", "ambiguous bytes", "unnamed", "unseen", "bytes", "misplaced")
	bodies := corpus(t)
	r := NewProtoReader(ProtoLimits{})
	for _, name := range slices.Sorted(maps.Keys(bodies)) {
		symbols := lookup(t, string(unzip(t, "../profile/testdata/corpus/"+name+".symbols.txt.gz")))
		text, pairs, err := ParsePairs(strings.NewReader(corpusText(t, name)), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		target := &ProtoTarget{Build: NewBuild(BuildLimits{})}
		readProto(t, r, target, bodies[name])
		learned, err := target.Build.Learn(text, pairs, symbols, target.Base())
		if err != nil {
			t.Fatal(err)
		}
		read := readProto(t, r, target, bodies[name])
		want, got := text.Snapshot(symbols), read.Snapshot()
		misplaced := "-"
		if want.Total == got.Total {
			misplaced = fmt.Sprint(misplacedBytes(want, got))
		}
		total := want.Total.AllocBytes
		row(name, learned.Pairs, learned.Ambiguous, learned.AmbiguousBytes, learned.Unnamed, read.Unseen, total, misplaced)
		if learned.AmbiguousBytes > total/400 || learned.Unnamed > 0 {
			t.Errorf("%s: %+v of %d bytes, want no pair without a name, and no more than 0.25%% of the bytes in ambiguous pairs", name, learned, total)
		}
	}
	golden(t, "testdata/corpus_pairs.txt", table.String())
}
