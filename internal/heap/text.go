// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import "slices"

// Text is what one text said, before the hidden frames have names.
type Text struct {
	Rate     int64 // MemProfileRate of the process, bytes; 0 when it takes no samples
	MemStats MemStats
	Total    Totals // of the whole profile
	Observer Totals // of what served the profile; part of Total, in no site
	Bytes    int64  // length of the text

	groups   []*group
	frames   []frame
	odd      int // '#' lines not understood
	cutNames int
}

// Unknown gives, sorted and once each, the addresses whose names Snapshot will need and which known does not have. They
// are what /debug/pprof/symbol is to be asked. A nil known has none.
func (t *Text) Unknown(known func(address uint64) bool) []uint64 {
	seen := map[uint64]struct{}{}
	var ask []uint64
	for _, g := range t.groups {
		for _, address := range g.hidden {
			if _, ok := seen[address]; ok {
				continue
			}
			seen[address] = struct{}{}
			if known == nil || !known(address) {
				ask = append(ask, address)
			}
		}
	}
	slices.Sort(ask)
	return ask
}

// Functions gives the names the text itself has for up to limit addresses.
func (t *Text) Functions(limit int) map[uint64]string {
	names := make(map[uint64]string, limit)
	for _, f := range t.frames[:min(limit, len(t.frames))] {
		if _, ok := names[f.address]; !ok { // cgo frames may share an address
			names[f.address] = f.function
		}
	}
	return names
}

// Contradicts reports whether the text shows another function at one of these addresses: then they come from another
// program.
func (t *Text) Contradicts(names map[uint64]string) bool {
	met := map[uint64]bool{}
	for _, f := range t.frames {
		name, ok := names[f.address]
		if ok && !met[f.address] && name != f.function {
			return true
		}
		met[f.address] = ok
	}
	return false
}
