// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	stdcmp "cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"

	"github.com/heapgate/heapgate/internal/stacktext"
)

// The oracle is slow and shares no code with the parser: google/pprof reads the numbers and the addresses, a regular
// expression the '#' lines, and regular expressions say the classes.
var (
	oracleLine = regexp.MustCompile(`(?m)^#\t+0x([0-9a-f]+)\t+(\S+)\+0x[0-9a-f]+\t+(.*):(\d+)$`)

	oracleGrow   = regexp.MustCompile(`^(runtime\.hashGrow|internal/runtime/maps\.\(\*table\)\.(rehash|grow|split)|internal/runtime/maps\.\(\*Map\)\.(growToSmall|growToTable|installTableSplit))$`)
	oracleOvfl   = regexp.MustCompile(`^runtime\.\(\*hmap\)\.(newoverflow|createOverflow)$`)
	oraclePre    = regexp.MustCompile(`^(runtime\.(makemap|makemap64|makemap_small)|internal/runtime/maps\.(NewMap|NewEmptyMap)|reflect\.makemap)$`)
	oracleClone  = regexp.MustCompile(`^(runtime\.mapclone2?|internal/runtime/maps\.\(\*Map\)\.Clone|maps\.clone)$`)
	oracleFast   = regexp.MustCompile(`^runtime\.mapassign_fast(32|32ptr|64|64ptr|str)$`)
	oracleAssign = regexp.MustCompile(`^runtime\.mapassign$`)
	oracleSync   = regexp.MustCompile(`^(sync\.\(\*Map\)\.|internal/sync\.\(\*HashTrieMap)`)
	oracleStop   = regexp.MustCompile(`^runtime\.(gcAssistAlloc|gcStart$)`)
	oracleSkip   = regexp.MustCompile(`^(runtime\.|internal/runtime/|reflect\.|maps\.|internal/sync\.|sync\.\(\*Map\)|sync\.newEntry|sync/atomic\.)`)
	oracleMine   = regexp.MustCompile(`^(net/http/pprof\.|runtime/pprof\.)`)
	oracleOrder  = []struct {
		is    *regexp.Regexp
		class Class
	}{
		{oracleSync, SyncMap}, {oracleClone, MapClone}, {oracleGrow, MapGrow}, {oracleOvfl, MapOverflow}, {oraclePre, MapMake},
		{oracleFast, MapGrow}, {oracleAssign, MapBox}, {regexp.MustCompile(""), Value},
	}
)

type oracleKey struct {
	stacktext.Place
	class Class
}

// TestOracle holds totals, and every site's sums and class, to the oracle.
func TestOracle(t *testing.T) {
	for _, dir := range fixtures(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			text, symbols := read(t, filepath.Join(dir, "heap.txt")), read(t, filepath.Join(dir, "symbols.txt"))
			for _, rate := range []int{1, 4096, 524288} { // the same buckets, as if they had been sampled
				text := strings.Replace(text, "@ heap/2\n", fmt.Sprintf("@ heap/%d\n", 2*rate), 1)
				got := parse(t, text).Snapshot(lookup(t, symbols))
				got.Total.Samples, got.Observer.Samples = 0, 0 // google/pprof has no raw numbers
				want := oracle(t, text, lookup(t, symbols))
				if diff := cmp.Diff(want.Total, got.Total); diff != "" {
					t.Errorf("rate %d: total (-oracle +got):\n%s", rate, diff)
				}
				if diff := cmp.Diff(want.Observer, got.Observer); diff != "" {
					t.Errorf("rate %d: observer (-oracle +got):\n%s", rate, diff)
				}
				for i := range got.Sites {
					got.Sites[i].StdErrBytes = 0
					got.Sites[i].Samples = 0
				}
				if diff := cmp.Diff(want.Sites, got.Sites); diff != "" {
					t.Errorf("rate %d: sites (-oracle +got):\n%s", rate, diff)
				}
			}
		})
	}
}

func oracle(t *testing.T, text string, symbol func(uint64) (string, bool)) Snapshot {
	t.Helper()
	p, err := profile.ParseData([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	shown := map[uint64]stacktext.Place{}
	for _, m := range oracleLine.FindAllStringSubmatch(text, -1) {
		address, _ := strconv.ParseUint(m[1], 16, 64)
		line, _ := strconv.Atoi(m[4])
		shown[address] = stacktext.Place{Function: m[2], File: m[3], Line: line}
	}
	hidden := regexp.MustCompile(`^(runtime\.|internal/runtime/)`)
	var s Snapshot
	sums, largest := map[oracleKey]*Totals{}, map[oracleKey]int64{}
	for _, sample := range p.Sample {
		v := Totals{AllocObjects: sample.Value[0], AllocBytes: sample.Value[1], InuseObjects: sample.Value[2], InuseBytes: sample.Value[3]}
		s.Total.add(v)
		if v == (Totals{}) {
			continue
		}
		best, stopped, observer := len(oracleOrder)-1, false, false
		var site stacktext.Place
		var first stacktext.Place // of a stack of the runtime only
		for _, location := range sample.Location {
			at, ok := shown[location.Address]
			if !ok {
				if at.Function, ok = symbol(location.Address); !ok {
					t.Fatalf("no name for %#x", location.Address)
				}
			}
			observer = observer || oracleMine.MatchString(at.Function) && at.Function != "runtime/pprof.Do"
			if site != (stacktext.Place{}) || at.Function == "runtime.goexit" {
				continue
			}
			if !oracleSkip.MatchString(at.Function) {
				site = at
				continue
			}
			if first == (stacktext.Place{}) && !hasAnyPrefix(at.Function, allocators) && at.Line > 0 && hidden.MatchString(at.Function) {
				first = at
			}
			stopped = stopped || oracleStop.MatchString(at.Function)
			if !stopped {
				best = min(best, oracleRank(at.Function))
			}
		}
		if observer {
			s.Observer.add(v)
			continue
		}
		if site == (stacktext.Place{}) {
			site = first
		}
		key := oracleKey{site, oracleOrder[best].class}
		if sums[key] == nil {
			sums[key] = new(Totals)
		}
		sums[key].add(v)
		if sizes := sample.NumLabel["bytes"]; key.class != Value && len(sizes) == 1 {
			largest[key] = max(largest[key], sizes[0])
		}
	}
	s.Sites = sortedSites(sums)
	for i := range s.Sites {
		at := &s.Sites[i]
		at.LargestBytes = largest[oracleKey{stacktext.Place{Function: at.Function, File: at.File, Line: at.Line}, at.Class}]
	}
	return s
}

// oracleRank is the place of a function in oracleOrder.
func oracleRank(function string) int {
	for i := range oracleOrder {
		if oracleOrder[i].is.MatchString(function) {
			return i
		}
	}
	panic("the last rule matches everything")
}

func sortedSites(sums map[oracleKey]*Totals) []Site {
	var sites []Site
	for key, v := range sums {
		sites = append(sites, Site{
			Function: key.Function, File: key.File, Line: key.Line, Class: key.class, AllocBytes: v.AllocBytes, AllocObjects: v.AllocObjects,
			InuseBytes: v.InuseBytes, InuseObjects: v.InuseObjects,
		})
	}
	slices.SortFunc(sites, func(a, b Site) int {
		return stdcmp.Or(
			stdcmp.Compare(b.AllocBytes, a.AllocBytes), stdcmp.Compare(a.Function, b.Function), stdcmp.Compare(a.File, b.File),
			stdcmp.Compare(a.Line, b.Line), stdcmp.Compare(a.Class, b.Class),
		)
	})
	return sites
}
