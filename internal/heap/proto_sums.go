// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import "math"

// protoSums adds up samples by site and class.
type protoSums struct {
	build *Build
	rate  int64

	slots []int32 // index in all by site and class, 1 for the first
	all   []protoSum

	total, observer Totals
	unknown         int64 // allocated bytes of class Unknown
	unseen          int   // samples whose pair no text has shown
	version         int64
	scaled          int64 // the rate that scales are for
	scales          [256]scale
	packed          keptSums // being made
}

// protoSum is what one site allocated in one class.
type protoSum struct {
	site     int32
	rank     rank
	totals   Totals
	variance float64
	rungs    rungs
	kept     bool // ProtoTarget.kept has it
}

// scale is how the blocks of one size were unsampled.
type scale struct {
	size     int64
	p        float64 // that a block is sampled
	variance float64 // of the unsampled bytes, per sampled block
}

func (s *protoSums) reset(b *Build) {
	for _, sum := range s.all {
		s.slots[int(sum.site)*int(ranks)+int(sum.rank)] = 0
	}
	if n := (len(b.sites) + 1) * int(ranks); n > len(s.slots) {
		s.slots = make([]int32, n+n/4)
	} else if n < len(s.slots)/16 && len(s.slots) > 1<<16 {
		s.slots = make([]int32, n)
	}
	if cap(s.all) > 1<<14 && len(b.sites) < 1<<12 {
		s.all = nil
	}
	s.build, s.all, s.version = b, s.all[:0], b.version
	s.rate, s.total, s.observer, s.unknown, s.unseen = 0, Totals{}, Totals{}, 0, 0
}

func (s *protoSums) setRate(rate int64) {
	if s.rate = rate; s.scaled != rate {
		s.scaled, s.scales = rate, [256]scale{}
	}
}

// protoStack is what a sample's locations say.
type protoStack struct {
	leaf      int32 // spot of the first location; -1 for none
	rank      rank  // of the frames between the leaf and the site
	collector bool  // they end with the collector's
	observer  bool
	site      int32
	fallback  int32 // for a stack without a site: the first frame that is no allocator, or else the last one
	allocator bool  // fallback is an allocator
}

var noStack = protoStack{leaf: -1, site: -1, fallback: -1, allocator: true}

// see takes the next location, leaf first, while there is no site.
func (k *protoStack) see(s *spot) {
	k.observer = k.observer || s.flags&isObserverSpot != 0
	if !k.collector {
		k.rank = max(k.rank, s.rank)
		k.collector = s.flags&isCollectorSpot != 0
	}
	k.site = s.site
	if k.allocator {
		k.fallback, k.allocator = s.fallback, s.flags&isAllocatorSpot != 0
	}
}

// place is where the sample is counted; nowhere is the place of stacks without a frame.
func (k *protoStack) place(nowhere int32) int32 {
	switch {
	case k.site >= 0:
		return k.site
	case k.fallback >= 0:
		return k.fallback
	}
	return nowhere
}

// errSums says that a sample cannot be added. It is a pointer, so that sums are added without asking for memory.
var errSums = &SyntaxError{Msg: "a sample has a number below 0, or their sum is more than an int64 holds"}

// add takes a sample: alloc objects, alloc bytes, in-use objects, in-use bytes, unsampled; size is that of one block. false
// says errSums.
func (s *protoSums) add(k *protoStack, v *[4]int64, size int64) bool {
	if v[0]|v[1]|v[2]|v[3]|size < 0 {
		return false
	}
	w, known := s.build.way(k.leaf, size)
	totals := Totals{AllocObjects: v[0], AllocBytes: v[1], InuseObjects: v[2], InuseBytes: v[3], Samples: v[0]}
	variance := 0.0
	if v[0] != 0 && s.rate > 1 && size != 0 {
		var scale *scale
		if known && s.build.rate == s.rate {
			scale = &w.scale
		} else {
			scale = s.scale(size)
		}
		totals.Samples = scale.samples(v[0])
		variance = float64(totals.Samples) * scale.variance
	}
	if !s.total.add(totals) {
		return false
	}
	if k.observer {
		s.observer.add(totals)
		return true
	}
	class, ladder := isUnknown, false
	if known {
		class, ladder = w.rank, w.ladder
		if !w.collector && class != isUnknown {
			class = max(class, k.rank)
		}
		if class == isAssign {
			class = isGrow
		}
		ladder = ladder && class == isGrow
	} else {
		s.unseen++
	}
	if class == isUnknown {
		s.unknown += totals.AllocBytes
	}
	sum := s.of(k.place(0), class)
	sum.totals.plus(&totals)
	sum.variance += variance
	if ladder && s.rate > 1 {
		sum.rungs.add(size)
	}
	return true
}

func (s *protoSums) of(site int32, class rank) *protoSum {
	slot := &s.slots[int(site)*int(ranks)+int(class)]
	if *slot == 0 {
		s.all = append(s.all, protoSum{site: site, rank: class})
		*slot = int32(len(s.all))
	}
	return &s.all[*slot-1]
}

// scale finds how blocks of a size were unsampled at this rate.
func (s *protoSums) scale(size int64) *scale {
	c := &s.scales[uint64(size)*0x9e3779b97f4a7c15>>56]
	if c.size != size {
		*c = newScale(size, s.rate)
	}
	return c
}

func newScale(size, rate int64) scale {
	return scale{size, 1 - math.Exp(-float64(size)/float64(rate)), variance(1, size, rate)}
}

// samples gives back how many blocks were sampled: the writer multiplied them by 1/p and cut off what is behind the point.
func (c *scale) samples(objects int64) int64 { return int64(math.Ceil(float64(objects)*c.p - 1e-6)) }
