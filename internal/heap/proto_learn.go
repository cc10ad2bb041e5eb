// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"io"

	"github.com/heapgate/heapgate/internal/stacktext"
)

// Pairs are the block sizes that each way to a site had in one text, with the bytes behind them.
type Pairs struct {
	bytes map[chainSize]int64
}

type chainSize struct {
	chain int
	size  int64
}

// ParsePairs is Parse, and tells what Build.Learn needs besides.
func ParsePairs(r io.Reader, l Limits) (*Text, *Pairs, error) {
	pairs := &Pairs{bytes: map[chainSize]int64{}}
	text, err := parseEach(r, l, func(chain int, b *bucket) { pairs.bytes[chainSize{chain, b.size}] += b.totals.AllocBytes })
	if err != nil {
		return nil, nil, err
	}
	return text, pairs, nil
}

// Learned tells what a text taught.
type Learned struct {
	Pairs          int   // of the text
	New            int   // that were not known, or known otherwise
	Ambiguous      int   // pairs that stand for two ways; the one with more bytes was learned
	AmbiguousBytes int64 // allocated bytes of the others
	Unnamed        int   // pairs with a hidden frame that has no name; not learned
}

// Learn takes from a text which pair of call address and block size is of which class. symbol is as in Text.Snapshot. base is
// ProtoTarget.Base of the same process, that is where its program was when the text was written; so a protobuf profile is
// read first. The error is ErrOtherBuild.
func (b *Build) Learn(t *Text, pairs *Pairs, symbol func(address uint64) (string, bool), base uint64) (Learned, error) {
	ways := t.waysOf(pairs, t.meanings(symbol), base)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range t.table.Frames {
		if id, ok := b.spotAt(f.Address - base); ok && b.spots[id].line != uint32(f.Line) {
			return Learned{}, ErrOtherBuild
		}
	}
	if b.rate == 0 {
		b.rate = t.Rate
	}
	var learned Learned
	for pair, found := range ways {
		learned.Pairs++
		best, heaviest, others := way{}, int64(-1), int64(0)
		for w, bytes := range found {
			others += bytes
			if bytes > heaviest || bytes == heaviest && w.rank > best.rank {
				best, heaviest = w, bytes
			}
		}
		if len(found) > 1 {
			learned.Ambiguous++
			learned.AmbiguousBytes += others - heaviest
		}
		if best.rank == isUnknown {
			learned.Unnamed++
			continue
		}
		b.learn(pair, best, &learned)
	}
	if learned.New > 0 {
		b.version++
	}
	return learned, nil
}

// Settle is called behind a Learn whose text was written after the last Read. What that profile had and the text did not
// show under the same address will be shown by no other: from now on it is Unknown, and not Unseen. Go leaves a frame out
// of a protobuf profile where a function of the runtime is inlined into it (runtime.CallersFrames, which loggers call), so
// that the allocation stands at the frame's caller there. It tells how many pairs these are.
func (t *ProtoTarget) Settle() int {
	if len(t.missing) == 0 {
		return 0
	}
	b := t.Build
	b.mu.Lock()
	defer b.mu.Unlock()
	var settled Learned
	for _, pair := range t.missing {
		if _, ok := b.pairs.find(pair.offset, pair.size); !ok {
			b.learn(pair, way{rank: isUnknown}, &settled)
		}
	}
	t.missing = nil
	return settled.New
}

func (b *Build) learn(pair addressSize, w way, learned *Learned) {
	if id, ok := b.pairs.find(pair.offset, pair.size); ok {
		if b.ways[id].way != w {
			b.ways[id].way = w
			learned.New++
		}
		return
	}
	if len(b.ways) >= b.limits.Pairs {
		b.full = true
		return
	}
	id, next := int32(len(b.ways)), int32(-1)
	b.pairs.add(pair.offset, pair.size, id)
	if at, ok := b.spotAt(pair.offset); ok {
		next, b.spots[at].way = b.spots[at].way, id
	}
	b.ways = append(b.ways, scaledWay{w, next, newScale(int64(pair.size), b.rate)})
	learned.New++
}

// wayOf finds what the text said of a pair; nil for nothing. Nearly all addresses have one pair or two, so a few are looked
// through from the address before the table is asked, which also has those that were learned before their address.
func (b *Build) wayOf(k *protoStack, size int64) *scaledWay {
	i := k.way
	for range 4 {
		if uint(i) >= uint(len(b.ways)) {
			break
		}
		if w := &b.ways[i]; w.scale.size == size {
			return w
		}
		i = b.ways[i].next
	}
	if k.leaf < 0 {
		return nil
	}
	if found, ok := b.pairs.find(b.spots[k.leaf].offset, uint64(size)); ok {
		return &b.ways[found]
	}
	return nil
}

// isValueAt reports whether what a call allocates is of no map, as a pair of its address tells. Another size is of none
// either then: one call instruction always calls the same function of the runtime.
func (b *Build) isValueAt(i int32) bool {
	return i >= 0 && b.ways[i].way == way{rank: isValue}
}

type addressSize struct{ offset, size uint64 }

// waysOf gives the ways that each pair of a text has, with their bytes.
func (t *Text) waysOf(pairs *Pairs, meanings map[uint64]meaning, base uint64) map[addressSize]map[way]int64 {
	all := map[addressSize]map[way]int64{}
	for key, bytes := range pairs.bytes {
		c := t.table.Chain(key.chain)
		if !c.Matched || len(c.Path) == 0 {
			continue
		}
		pair := addressSize{t.table.Frames[c.Path[0]].Address - base, uint64(key.size)}
		if all[pair] == nil {
			all[pair] = map[way]int64{}
		}
		all[pair][wayOf(c, meanings)] += bytes
	}
	return all
}

// wayOf is what the hidden frames of a chain say.
func wayOf(c stacktext.Chain, meanings map[uint64]meaning) (w way) {
	for _, address := range c.Hidden {
		m := meanings[address]
		if !m.known {
			return way{rank: isUnknown}
		}
		if m.collector {
			w.collector = true
			return w
		}
		w.rank, w.ladder = max(w.rank, m.rank), w.ladder || m.ladder
	}
	return w
}
