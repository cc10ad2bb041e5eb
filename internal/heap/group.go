// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// group finds the group of the open bucket, or makes it.
func (p *parser) group() (*group, error) {
	p.key = append(p.key[:0], byte(0))
	if p.matched {
		p.key[0] = 1
	} else {
		p.hidden = p.hidden[:0]
	}
	for _, call := range p.hidden {
		p.key = binary.LittleEndian.AppendUint64(p.key, call)
	}
	p.key = append(p.key, '@')
	for _, id := range p.path {
		p.key = binary.LittleEndian.AppendUint32(p.key, uint32(id))
	}
	if g, ok := p.groups[string(p.key)]; ok {
		return g, nil
	}
	if len(p.groups) == p.limits.Groups {
		return nil, p.limit("call sites", p.limits.Groups)
	}
	if p.held += len(p.hidden) + len(p.path); p.held > p.limits.Addresses {
		return nil, p.limit("addresses", p.limits.Addresses)
	}
	g := &group{matched: p.matched, sited: p.sited, hidden: slices.Clone(p.hidden), path: slices.Clone(p.path)}
	p.groups[string(p.key)] = g
	p.text.groups = append(p.text.groups, g)
	return g, nil
}

// group is what the buckets of one call site and one way through the runtime sum up to.
type group struct {
	matched  bool     // hidden is known
	sited    bool     // the last of path is the user's; else the stack has only frames that are passed over
	hidden   []uint64 // addresses of the hidden frames, leaf first
	path     []int32  // visible frames, leaf first, down to the site; indices into Text.frames
	totals   Totals
	variance float64
	rungs    rungs
}

func (g *group) add(b bucket) {
	g.totals.add(b.totals) // fits: the sum over all groups does
	g.variance += b.variance
	g.rungs.add(b.size)
}

// rungs remembers which block sizes were seen, by power of two, for the arrays of the maps before Go 1.24: each one is
// twice the one before. A rung that was never sampled adds nothing to the Horvitz-Thompson variance though it was
// allocated, so the error of such a site is too small without it.
type rungs struct {
	seen    uint64 // bit i: a block of [2^i, 2^(i+1)) bytes
	largest int64  // bytes
}

func (r *rungs) add(size int64) {
	if size <= 0 {
		return
	}
	r.seen |= 1 << (bits.Len64(uint64(size)) - 1)
	r.largest = max(r.largest, size)
}

func (r *rungs) merge(o rungs) {
	r.seen |= o.seen
	r.largest = max(r.largest, o.largest)
}

// unseen is the size of the largest rung below the largest seen one that is missing, bytes.
func (r rungs) unseen() int64 {
	size := r.largest
	for bit := bits.Len64(uint64(r.largest)) - 1; bit >= 0 && r.seen&(1<<bit) != 0; bit-- {
		size /= 2
	}
	return size
}
