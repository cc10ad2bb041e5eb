// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/heapgate/heapgate/internal/heap"
)

func site(function string, class heap.Class, alloc, inuse int64) heap.Site {
	return heap.Site{
		Function: function, File: function + ".go", Line: 7, Class: class,
		AllocBytes: alloc, AllocObjects: alloc / 8, InuseBytes: inuse, InuseObjects: inuse / 8, Samples: alloc / 100, StdErrBytes: 3,
	}
}

func names(emitted []emittedSite) (names []string) {
	for _, s := range emitted {
		names = append(names, fmt.Sprintf("%s/%s=%d", s.Function, s.Class, s.AllocBytes))
	}
	return names
}

func TestSmallLeakingMapIsNamedBesideLargerAllocators(t *testing.T) {
	table := newSiteTable(2)
	emitted, folded := table.add([]heap.Site{
		site("json", heap.Value, 1_000_000, 0), site("log", heap.Value, 900_000, 0), site("fmt", heap.Value, 800_000, 0),
		site("Insert", heap.MapGrow, 1000, 1000),
	})
	want := fmt.Sprint([]string{"json/value=1000000", "Insert/map_grow=1000", "other/value=1700000"})
	if got := fmt.Sprint(names(emitted)); got != want || folded != 2 {
		t.Errorf("emitted %s, %d folded; want %s, 2 folded", got, folded, want)
	}
}

func TestYoungLeakIsNamedAmongOldGarbage(t *testing.T) {
	sites := []heap.Site{site("json", heap.Value, 1<<40, 1<<30)}
	for i := range 30 {
		sites = append(sites, site(fmt.Sprintf("request%d", i), heap.MapGrow, 1<<30+int64(i), 0))
	}
	table := newSiteTable(2)
	emitted, _ := table.add(append(sites, site("Leak", heap.MapGrow, 10_000, 10_000)))
	if !strings.Contains(fmt.Sprint(names(emitted)), "Leak/map_grow") {
		t.Errorf("a map that lives is folded behind maps that are garbage: %v", names(emitted))
	}
}

// Whatever enters and leaves, no emitted cumulative series falls, named sites are bounded, and nothing is lost: what a
// class gained is in its series.
func TestCumulativeSeriesNeverFall(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		table := newSiteTable(3)
		sites := make([]heap.Site, 20)
		for i := range sites {
			class := heap.Value
			if i%3 == 0 {
				class = heap.MapGrow
			}
			sites[i] = site(fmt.Sprintf("f%d", i), class, 0, 0)
		}
		last := map[siteKey]int64{}
		for round := range 40 {
			for i := range sites {
				if random.IntN(4) == 0 {
					grown := int64(random.IntN(100_000))
					sites[i] = site(sites[i].Function, sites[i].Class, sites[i].AllocBytes+grown, grown)
				}
			}
			emitted, _ := table.add(sites)
			for _, s := range emitted {
				key := keyOf(&s.Site)
				if s.AllocBytes < last[key] {
					t.Fatalf("seed %d round %d: %v fell from %d to %d", seed, round, key, last[key], s.AllocBytes)
				}
				last[key] = s.AllocBytes
			}
			total := map[heap.Class]int64{} // with series that have ended: a site that left took its bytes along
			for key, bytes := range last {
				total[key.class] += bytes
			}
			if len(table.last) > 6 {
				t.Fatalf("%d named sites; want at most 6", len(table.last))
			}
			for class, sum := range total {
				var truth int64
				for _, s := range sites {
					if s.Class == class {
						truth += s.AllocBytes
					}
				}
				if sum < truth {
					t.Fatalf("seed %d round %d: %s emits %d bytes of %d: bytes were lost", seed, round, class, sum, truth)
				}
			}
		}
	}
}

func TestVanishedSiteDoesNotBreakTheTable(t *testing.T) {
	table := newSiteTable(1)
	table.add([]heap.Site{site("a", heap.Value, 100, 0), site("b", heap.Value, 50, 0)})
	emitted, _ := table.add([]heap.Site{site("b", heap.Value, 60, 0)})
	if len(emitted) == 0 {
		t.Error("nothing emitted after a site vanished")
	}
	if emitted, _ := table.add(nil); len(emitted) != 1 || emitted[0].Function != otherSite {
		t.Errorf("emitted %v for no sites; want what other carries", names(emitted))
	}
}
