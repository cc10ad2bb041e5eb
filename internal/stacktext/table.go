// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package stacktext

import "slices"

// Table is what the stacks of one text have in common.
type Table struct {
	Frames   []Frame
	Odd      int // '#' lines not understood
	CutNames int // names longer than Limits.NameBytes

	chains []chain
	hidden []uint64 // of all chains
	unique []uint64 // the same, sorted and once each
	path   []int32
}

// Chain is one way from the leaf through the runtime down to a call site. Its slices are the table's.
type Chain struct {
	Matched bool     // Hidden is known
	Sited   bool     // the last of Path is the site; else the stack has only frames that are passed over
	Hidden  []uint64 // addresses of the hidden frames, leaf first
	Path    []int32  // visible frames, leaf first, down to the site; indices into Frames
}

// Len is the number of chains.
func (t *Table) Len() int { return len(t.chains) }

// Chain gives one of them.
func (t *Table) Chain(i int) Chain {
	c := &t.chains[i]
	hidden, path := bounds(t.chains, i, len(t.hidden), len(t.path))
	return Chain{c.matched, c.sited, t.hidden[hidden[0]:hidden[1]:hidden[1]], t.path[path[0]:path[1]:path[1]]}
}

// Hidden gives the addresses of the hidden frames of all chains, sorted and once each. The slice is the table's.
func (t *Table) Hidden() []uint64 { return t.unique }

// Unknown gives, sorted and once each, the hidden addresses that known does not have. They are what
// /debug/pprof/symbol is to be asked. A nil known has none. The slice is the caller's.
func (t *Table) Unknown(known func(address uint64) bool) []uint64 {
	return slices.DeleteFunc(slices.Clone(t.unique), func(address uint64) bool { return known != nil && known(address) })
}

// sorted gives addresses sorted and once each. There are few of them that come again and again, so most are left out by
// what was seen last at a place, before the rest is sorted.
func sorted(addresses []uint64) []uint64 {
	var seen [256]uint64
	var some []uint64
	for _, address := range addresses {
		last := &seen[address*0x9e3779b97f4a7c15>>56]
		if *last == address && address != 0 {
			continue
		}
		*last = address
		some = append(some, address)
	}
	slices.Sort(some)
	return slices.Compact(some)
}

// Functions gives the names the text itself has for up to limit addresses.
func (t *Table) Functions(limit int) map[uint64]string {
	names := make(map[uint64]string, limit)
	for _, f := range t.Frames[:min(limit, len(t.Frames))] {
		if _, ok := names[f.Address]; !ok { // cgo frames may share an address
			names[f.Address] = f.Function
		}
	}
	return names
}

// Contradicts reports whether the text shows another function at one of these addresses: then they come from another
// program.
func (t *Table) Contradicts(names map[uint64]string) bool {
	met := map[uint64]bool{}
	for _, f := range t.Frames {
		name, ok := names[f.Address]
		if ok && !met[f.Address] && name != f.Function {
			return true
		}
		if ok {
			met[f.Address] = true
		}
	}
	return false
}
