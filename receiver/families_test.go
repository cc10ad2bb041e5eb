// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/pprof"
	"runtime"
	"strings"
	"testing"

	"github.com/heapgate/heapgate/internal/heap"
)

// TestFamiliesNeverFall: whatever lines enter and leave, whatever texts lack names, no emitted series falls, the lines with a
// name are bounded, and no byte of a family is lost.
func TestFamiliesNeverFall(t *testing.T) {
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 2))
		p := &process{families: newSiteTable(3)}
		lines := make([]heap.FamilySite, 20)
		for i := range lines {
			lines[i] = heap.FamilySite{Function: fmt.Sprintf("f%d", i), File: "f.go", Line: i, Family: heap.Families()[i%3]}
		}
		last := map[siteKey]int64{}
		for round := range 40 {
			truth := map[heap.Class]int64{}
			for i := range lines {
				if random.IntN(4) == 0 {
					lines[i].AllocBytes += int64(random.IntN(100_000))
				}
				truth[heap.Class(lines[i].Family)] += lines[i].AllocBytes
			}
			shown, named := lines, random.IntN(4) > 0
			if !named && p.named {
				shown = lines[:random.IntN(20)]
			}
			emitted := p.familiesOf(&heap.Snapshot{Families: shown}, named)
			if p.named && !named {
				if emitted != nil {
					t.Fatalf("seed %d round %d: %d lines of a text without names", seed, round, len(emitted))
				}
				continue
			}
			for _, s := range emitted {
				key := keyOf(&s.Site)
				if s.AllocBytes < last[key] {
					t.Fatalf("seed %d round %d: %v fell from %d to %d", seed, round, key, last[key], s.AllocBytes)
				}
				last[key] = s.AllocBytes
			}
			if len(p.families.last) > 6 {
				t.Fatalf("%d lines with a name; want at most 6", len(p.families.last))
			}
			total := map[heap.Class]int64{}
			for key, bytes := range last {
				total[key.class] += bytes
			}
			for family, want := range truth {
				if total[family] < want {
					t.Fatalf("seed %d round %d: %s emits %d bytes of %d", seed, round, family, total[family], want)
				}
			}
		}
	}
}

var concatenated string

//go:noinline
func concatenate() {
	part := strings.Repeat("x", 1<<16)
	for range 200 {
		concatenated = part[:len(part)-1] + concatenated[:min(len(concatenated), 1)]
	}
}

// TestLineOfFamilyIsEmitted hears this very process.
// timesConcatenated counts how often TestLineOfFamilyIsEmitted ran: the process keeps what it allocated.
var timesConcatenated float64

func TestLineOfFamilyIsEmitted(t *testing.T) {
	concatenate()
	timesConcatenated++
	for range 3 {
		runtime.GC()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	var out sink
	run(t, &out, targetAt("real", server(t, mux)))
	line := "heapgate.family.allocated{code.function.name=github.com/heapgate/heapgate/receiver.concatenate}"
	out.wait(t, "real", line, func(v float64) bool { return v > timesConcatenated*(5<<20) && v < timesConcatenated*(30<<20) })
}
