// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gctrace

// place is where a number is expected behind node at.
type place struct {
	at, number node
	i          int
	run        int    // length of the digits and points there
	set        uint64 // of the reading
	waited     bool   // at the start of a line, where the number is waited for anyway
	runsOn     bool   // the token behind the number and another number stand there too: no foreign text begins with them
	best       rank
}

// measure finds how well the best of the gaps around the number begins.
func (p *place) measure(text []byte) {
	p.best = rankOf(text[p.i:])
	p.run = numberRun(text[p.i:])
	for n := 1; n <= p.run; n++ {
		if _, ok := grammar[p.number].kind.cut(text[p.i : p.i+n]); ok {
			p.best = min(p.best, rankOf(text[p.i+n:]))
		}
	}
}

// open opens the best gaps around a number: before it, and behind the cuts of the digits that the runtime could have
// printed.
func (m *mender) open(r *reading, p *place, text []byte) {
	before := *r
	before.set = p.set
	if !p.waited && rankOf(text[p.i:]) == p.best {
		m.wait(before, p.at)
	}
	for n := 1; n <= p.run; n++ {
		v, ok := grammar[p.number].kind.cut(text[p.i : p.i+n])
		if !ok || n == p.run && p.runsOn || rankOf(text[p.i+n:]) > p.best {
			continue
		}
		cut := before
		cut.set |= 1 << p.number
		cut.value[p.number] = v
		m.wait(cut, p.number)
	}
}
