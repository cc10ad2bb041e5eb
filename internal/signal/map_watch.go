// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

// Watching is the memory of a process whose first observation is a chosen beginning: growth counts from there on, not only from
// the third GC on, with which an observer begins who came by accident.
func Watching() *Target {
	t := &Target{}
	t.heap.chosen = true
	return t
}

// MapSite is what was concluded of one site of a growing map.
type MapSite struct {
	SiteKey
	Verdict, Reason string // as of MapVerdict
	Text            string // the sentence that a Change has
	Presize         int    // entries, 0 where that is not known or no use
}

// MapSites gives the conclusions on the sites of the last profile. set is that of the last Observe, rate the MemProfileRate.
func (t *Target) MapSites(set Settings, rate Number) (sites []MapSite) {
	judged := t.heap.judged()
	if len(judged) == 0 {
		return nil
	}
	for i, p := range judged[len(judged)-1].sites {
		slot := &t.heap.sites.slots[i]
		if p.known && slot.growing && slot.path.known > 0 {
			told := t.mapping.judge(slot, growthOf(judged, i, rate), set)
			sites = append(sites, MapSite{*slot.key, told.verdict, told.reason, told.text(), told.entries})
		}
	}
	return sites
}

// Grown is what a site allocated between two profiles, in bytes, and the 95 % interval of that.
func Grown(from, to *Site) (allocated, lower, upper float64) {
	g := growth{from: pointOf(from), to: pointOf(to)}
	lower, upper = g.interval()
	return g.allocated(), lower, upper
}
