// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/heapgate/heapgate/internal/heap"
)

func read(t *testing.T, x heapText) *heap.Text {
	t.Helper()
	parsed, err := heap.Parse(strings.NewReader(x.String()), heap.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// TestIdentity: the process before has had 2 cycles that ended at 1001 and 1002, and allocated 1000 bytes.
func TestIdentity(t *testing.T) {
	for _, test := range []struct {
		name      string
		now       heapText
		restarted bool
		kept      bool // the names
	}{
		{"nothing happened", heapText{}, false, true},
		{"cycles went by", heapText{numGC: 9, totalAlloc: 100}, false, true},
		{"255 cycles went by", heapText{numGC: 257}, false, true},
		{"so many that the ring forgot", heapText{numGC: 258}, false, false},
		{"fewer cycles", heapText{numGC: 1}, true, false},
		{"the last cycle ended at another time", heapText{ends: map[uint32]uint64{2: 5}}, true, false},
		{"an earlier cycle is another's business", heapText{ends: map[uint32]uint64{1: 5}}, false, true},
		{"more cycles, of another process", heapText{numGC: 9, totalAlloc: 100, ends: map[uint32]uint64{2: 5002}}, true, false},
		{"another program", heapText{numGC: 300, totalAlloc: 100, function: "main.other"}, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var m Memory
			if m.meet(read(t, heapText{})) {
				t.Error("the first text is a restart")
			}
			m.learn([]uint64{0x10}, map[uint64]string{0x10: "runtime.hashGrow"})
			if got := m.meet(read(t, test.now)); got != test.restarted || m.knows(0x10) != test.kept {
				t.Errorf("restarted %v, names kept %v; want %v, %v", got, m.knows(0x10), test.restarted, test.kept)
			}
		})
	}
}

func TestCountersBack(t *testing.T) {
	var m Memory
	m.meet(read(t, heapText{totalAlloc: 10}))
	if !m.meet(read(t, heapText{totalAlloc: 9})) {
		t.Error("TotalAlloc went back, and it is the same process")
	}
}

// TestBeforeTheFirstGC cannot be proved to be the same process.
func TestBeforeTheFirstGC(t *testing.T) {
	young := strings.Replace(heapText{}.String(), "# NumGC = 2", "# NumGC = 0", 1)
	parsed, err := heap.Parse(strings.NewReader(young), heap.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var m Memory
	m.meet(parsed)
	m.learn([]uint64{0x10}, nil)
	if m.meet(parsed) || m.knows(0x10) {
		t.Error("a process without a GC is a restart, or its names are kept")
	}
}

// TestSymbolsAreAskedOnce: known names are not asked again, nor what the process has no name for; after a restart all are.
func TestSymbolsAreAskedOnce(t *testing.T) {
	process := healthy()
	process.symbol = says("num_symbols: 1\n0x10 runtime.hashGrow\n")
	base := start(t, process)
	p := New(client(t), Settings{})
	var m Memory
	visit := func(want string) {
		t.Helper()
		process.asked = nil
		visitOK(t, p, base, &m)
		if got := strings.Join(process.asked[1:], " "); got != want {
			t.Errorf("asked %q, want %q", got, want)
		}
	}
	visit("/debug/pprof/symbol?0x10+0x20")
	visit("")
	process.heap = says(heapText{numGC: 3, extra: "\n1: 1 [1: 1] @ 0x31 0x101\n#\t0x100\tmain.fill+0x1\t/src/main.go:7\n"}.String())
	visit("/debug/pprof/symbol?0x30")
	process.heap = says(heapText{numGC: 1}.String())
	visit("/debug/pprof/symbol?0x10+0x20")
}

// TestMemoryIsBounded fills it to the brim: then it forgets, and asks for what the text needs; a text that needs more
// than there is room for is said.
func TestMemoryIsBounded(t *testing.T) {
	process := healthy()
	process.symbol = func(w http.ResponseWriter, r *http.Request) {
		if len(r.URL.RequestURI()) > 8000 {
			t.Errorf("a URL of %d bytes", len(r.URL.RequestURI()))
		}
		for word := range strings.SplitSeq(r.URL.RawQuery, "+") {
			_, _ = fmt.Fprintf(w, "%s runtime.hashGrow\n", word)
		}
	}
	stacks := func(from, n int) http.HandlerFunc {
		var b strings.Builder
		for i := from; i < from+n; i++ {
			fmt.Fprintf(&b, "\n1: 1 [1: 1] @ %#x 0x101\n#\t0x100\tmain.fill+0x1\t/src/main.go:7\n", 0x7f0000000001+0x100*i)
		}
		return says(heapText{extra: b.String()}.String())
	}
	base := start(t, process)
	p := New(client(t), Settings{MaxSymbols: 2002})
	var m Memory
	for _, test := range []struct{ from, n, names, unresolved int }{
		{0, 2000, 2002, 0},    // the brim: 2 of the text's own site
		{0, 2000, 2002, 0},    // again
		{1000, 1500, 1502, 0}, // 500 new: all forgotten, 1502 asked
		{5000, 2001, 2002, 1}, // one too many
	} {
		process.heap = stacks(test.from, test.n)
		o := visitOK(t, p, base, &m)
		if len(m.names) != test.names || o.Heap.Unresolved != test.unresolved || len(o.Partial) != test.unresolved {
			t.Errorf("%d from %d: %d names, %d unresolved, partial %v; want %d, %d", test.n, test.from, len(m.names), o.Heap.Unresolved, o.Partial, test.names, test.unresolved)
		}
	}
	if len(process.asked) < 4+3 {
		t.Errorf("2000 addresses were asked in one go: %d requests", len(process.asked))
	}
}
