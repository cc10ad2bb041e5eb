// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import "fmt"

// Site is what one call site allocated in one class since the process started, unsampled.
type Site struct {
	Function, File string
	Line           int // 0 when the text has none
	Class          Class
	AllocBytes     int64
	AllocObjects   int64
	InuseBytes     int64 // live at the last completed GC
	InuseObjects   int64
	Samples        int64   // sampled allocations behind AllocBytes
	StdErrBytes    float64 // standard error of AllocBytes; for growing maps before Go 1.24 with the largest unseen rung
	LargestBytes   int64   // of the largest sampled block, in the classes of maps; 0 where only a protobuf profile was read
}

// Snapshot is one heap profile by call site. The sites and the observer add up to Total.
type Snapshot struct {
	Rate          int64 // MemProfileRate, bytes; 0 when the process takes no samples
	MemStats      MemStats
	Sites         []Site // by AllocBytes from the largest, then by name
	Total         Totals
	Observer      Totals       // what the profile's own serving allocated
	ObserverBytes int64        // Observer.AllocBytes
	Families      []FamilySite // avoidable ways of allocating, by AllocBytes from the largest; of a text only
	Runtime       Runtime      // what the frames tell of it; of a text only
	Unresolved    int          // hidden addresses without a name
	Warnings      []string     // what to know before believing the numbers
}

// Snapshot classifies the groups. symbol gives the name of a hidden frame's address; where it has none, the site's class
// is Unknown.
func (t *Text) Snapshot(symbol func(address uint64) (string, bool)) Snapshot {
	meanings := t.meanings(symbol)
	sums, families := newSiteSums(t), newFamilySums()
	defer sums.close()
	defer families.close()
	var swiss leaves
	for i := range t.groups {
		chain, group := t.table.Chain(i), &t.groups[i]
		told := t.classify(chain, meanings)
		families.take(t, chain, group, &told)
		swiss.take(chain, &told, meanings)
		sum := sums.of(t, t.site(chain), told.class)
		sum.totals.add(group.totals)
		sum.variance += group.variance
		if told.class != isValue && told.class != isUnknown {
			sum.largest = max(sum.largest, group.rungs.largest)
		}
		if told.ladder && t.Rate > 1 {
			sum.rungs.merge(group.rungs)
		}
	}
	s := Snapshot{
		Rate: t.Rate, MemStats: t.MemStats, Total: t.Total, Observer: t.Observer, ObserverBytes: t.Observer.AllocBytes, Sites: sums.sites(),
		Families: families.sites(), Runtime: t.runtime(meanings, swiss),
	}
	for _, m := range meanings {
		if !m.known {
			s.Unresolved++
		}
	}
	t.warn(&s)
	return s
}

// warn says what is not as it should be.
func (t *Text) warn(s *Snapshot) {
	var unknown int64
	for _, site := range s.Sites {
		if site.Class == Unknown {
			unknown += site.AllocBytes
		}
	}
	warn := func(is bool, format string, args ...any) {
		if is {
			s.Warnings = append(s.Warnings, fmt.Sprintf(format, args...))
		}
	}
	warn(t.Rate == 0, "MemProfileRate is 0: the process takes no samples, so no site can be seen")
	warn(s.Unresolved > 0, "%d runtime frames have no name", s.Unresolved)
	warn(unknown > 0, "%d allocated bytes are of class unknown", unknown)
	warn(t.table.Odd > 0, "%d lines of stacks were not understood", t.table.Odd)
	warn(t.unowned > 0, "%d records are in no family: too many lines call libraries", t.unowned)
	warn(t.table.CutNames > 0, "%d names were longer than the limit and are cut", t.table.CutNames)
}
