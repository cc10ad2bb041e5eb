// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

// lineOf numbers the lines of the code, so that sites of one line are found without comparing names again.
func (t *siteTable) lineOf(key *SiteKey) int {
	for i := range t.slots {
		if k := t.slots[i].key; k != nil && k.Line == key.Line && k.Function == key.Function && k.File == key.File {
			return t.slots[i].line
		}
	}
	t.lines++
	return t.lines
}

// addShares adds what each class has of the bytes that maps allocated at a line between the first and the last judged snapshot,
// for the lines that have another class than growth: of the others there is nothing to tell.
func (t *siteTable) addShares(judged []snapshot, at uint64, r *Report) {
	if len(judged) < 2 {
		return
	}
	t.shares = t.shares[:0]
	for i, p := range judged[len(judged)-1].sites {
		s := &t.slots[i]
		if !p.known {
			continue
		}
		if g := growthOf(judged, i, t.rate); g.seconds > 0 {
			t.shares = append(t.shares, share{i, s.line, max(0, g.to.allocated-g.from.allocated), s.key.Class != "map_grow"})
		}
	}
	for i := range t.shares {
		total, mixed := t.ofLine(t.shares[i].line)
		if mixed && total > 0 {
			r.addShare(Signal{Name: MapShare, Site: t.slots[t.shares[i].slot].key, At: at, Value: t.shares[i].bytes / total})
		}
	}
}

// share is what a site allocated in the window.
type share struct {
	slot, line int
	bytes      float64
	other      bool // not of class map_grow
}

// ofLine sums up a line, and tells whether it has more than growth.
func (t *siteTable) ofLine(line int) (total float64, mixed bool) {
	for i := range t.shares {
		if t.shares[i].line == line {
			total += t.shares[i].bytes
			mixed = mixed || t.shares[i].other
		}
	}
	return total, mixed
}
