// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package stacktext

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// chains are the distinct ways from the leaf down to a call site. Their addresses stand in two slices for all.
type chains struct {
	all    []chain
	hidden []uint64
	path   []int32

	byHash map[uint64]int32 // index of the first chain with a hash
	key    []byte
}

type chain struct {
	matched, sited       bool
	hiddenFrom, pathFrom int32 // they end where those of the next chain begin
	next                 int32 // the next chain with the same hash, 0 for none: the first chain follows no other
}

// seed makes the hashes such that no text can be made of chains with equal ones.
var seed = maphash.MakeSeed()

func (c *chains) len() int { return len(c.all) }

// held is the number of addresses in all chains.
func (c *chains) held() int { return len(c.hidden) + len(c.path) }

func (c *chains) reset() {
	c.all, c.hidden, c.path = c.all[:0], c.hidden[:0], c.path[:0]
	clear(c.byHash)
}

// find gives the index of the chain of a stack, or makes it.
func (c *chains) find(s *openStack, r *Reader) (int, error) {
	hash := c.hash(s)
	first, known := c.byHash[hash]
	for i := first; known; i = c.all[i].next {
		if c.is(int(i), s) {
			return int(i), nil
		}
		known = c.all[i].next != 0
	}
	if len(c.all) == r.limits.Groups {
		return 0, r.Limit("call sites", r.limits.Groups)
	}
	if c.held()+len(s.hidden)+len(s.path) > r.limits.Addresses {
		return 0, r.Limit("addresses", r.limits.Addresses)
	}
	return c.add(s, hash), nil
}

func (c *chains) add(s *openStack, hash uint64) int {
	id := len(c.all)
	made := chain{matched: s.matched, sited: s.sited, hiddenFrom: int32(len(c.hidden)), pathFrom: int32(len(c.path))}
	if first, ok := c.byHash[hash]; ok {
		made.next = c.all[first].next
		c.all[first].next = int32(id)
	} else {
		c.byHash[hash] = int32(id)
	}
	c.all = append(c.all, made)
	c.hidden = append(c.hidden, s.hidden...)
	c.path = append(c.path, s.path...)
	return id
}

func (c *chains) hash(s *openStack) uint64 {
	c.key = append(c.key[:0], byte(0))
	if s.matched {
		c.key[0] = 1
	}
	for _, call := range s.hidden {
		c.key = binary.LittleEndian.AppendUint64(c.key, call)
	}
	for _, id := range s.path {
		c.key = binary.LittleEndian.AppendUint32(c.key, uint32(id))
	}
	return maphash.Bytes(seed, c.key)
}

func (c *chains) is(i int, s *openStack) bool {
	hidden, path := bounds(c.all, i, len(c.hidden), len(c.path))
	return c.all[i].matched == s.matched && slices.Equal(c.path[path[0]:path[1]], s.path) && slices.Equal(c.hidden[hidden[0]:hidden[1]], s.hidden)
}

// bounds are where the addresses of chain i stand, those of all being as many as said.
func bounds(all []chain, i, allHidden, allPath int) (hidden, path [2]int) {
	hidden, path = [2]int{int(all[i].hiddenFrom), allHidden}, [2]int{int(all[i].pathFrom), allPath}
	if i+1 < len(all) {
		hidden[1], path[1] = int(all[i+1].hiddenFrom), int(all[i+1].pathFrom)
	}
	return hidden, path
}

// table copies the chains.
func (c *chains) table(frames []Frame, odd, cutNames int) Table {
	return Table{
		Frames: slices.Clone(frames), Odd: odd, CutNames: cutNames,
		chains: slices.Clone(c.all), hidden: slices.Clone(c.hidden), unique: sorted(c.hidden), path: slices.Clone(c.path),
	}
}
