// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import "math"

// protoSums adds up samples by site and class.
type protoSums struct {
	build *Build
	rate  int64

	slots []int32 // index in all by site, 1 for the first; the other classes of the site follow it
	all   []protoSum

	total, observer Totals
	overflow        int64         // below 0: a sum was more than an int64 holds
	unknown         int64         // allocated bytes of class Unknown
	unseen          int           // samples whose pair no text has shown
	missing         []addressSize // some of their pairs
	version         int64
	scaled          int64 // the rate that scales are for
	scales          [256]scale
	packed          keptSums // being made
}

// protoSum is what one site allocated in one class.
type protoSum struct {
	site     int32
	next     int32 // of the same site, as in slots; 0 for none
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
		s.slots[sum.site] = 0
	}
	if n := len(b.sites) + 1; n > len(s.slots) {
		s.slots = make([]int32, n+n/4)
	} else if n < len(s.slots)/16 && len(s.slots) > 1<<14 {
		s.slots = make([]int32, n)
	}
	if cap(s.all) > 1<<14 && len(b.sites) < 1<<12 {
		s.all = nil
	}
	s.build, s.all, s.version = b, s.all[:0], b.version
	s.rate, s.total, s.observer, s.overflow, s.unknown, s.unseen, s.missing = 0, Totals{}, Totals{}, 0, 0, 0, s.missing[:0]
}

func (s *protoSums) setRate(rate int64) {
	if s.rate = rate; s.scaled != rate {
		s.scaled, s.scales = rate, [256]scale{}
	}
}

// protoStack is what a sample's locations say.
type protoStack struct {
	leaf      int32 // spot of the first location; -1 for none
	way       int32 // of this spot
	rank      rank  // of the frames between the leaf and the site
	collector bool  // they end with the collector's
	observer  bool
	site      int32
	fallback  int32 // for a stack without a site: the first frame that is no allocator, or else the last one
	allocator bool  // fallback is an allocator
}

var noStack = protoStack{leaf: -1, way: -1, site: -1, fallback: -1, allocator: true}

// see takes the next location, leaf first, while there is no site.
func (k *protoStack) see(s *frames) {
	k.observer = k.observer || s.flags&isObserverSpot != 0
	if !k.collector {
		k.rank = max(k.rank, s.rank)
		k.collector = s.flags&isCollectorSpot != 0
	}
	if s.flags&isFallback == 0 {
		k.site = s.place
	} else if k.allocator {
		k.fallback, k.allocator = s.place, s.flags&isAllocatorSpot != 0
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
	w := s.build.wayOf(k, size)
	samples, variance := v[0], 0.0
	if v[0] != 0 && s.rate > 1 && size != 0 {
		var scale *scale
		if w != nil && s.build.rate == s.rate {
			scale = &w.scale
		} else {
			scale = s.scale(size)
		}
		samples = scale.samples(v[0])
		variance = float64(samples) * scale.variance
	}
	if k.observer {
		s.observer.sum(v, samples, &s.overflow)
		return true
	}
	class, ladder := isUnknown, false
	if w != nil {
		class, ladder = w.rank, w.ladder
		if !w.collector && class != isUnknown {
			class = max(class, k.rank)
		}
		if class == isAssign {
			class = isGrow
		}
		ladder = ladder && class == isGrow
	} else if s.build.isValueAt(k.way) {
		class = max(isValue, k.rank)
	} else {
		s.miss(k, size)
	}
	if class == isUnknown {
		s.unknown += v[1]
	}
	sum := s.of(k.place(0), class)
	sum.totals.sum(v, samples, &s.overflow)
	sum.variance += variance
	if ladder && s.rate > 1 {
		sum.rungs.add(size)
	}
	return true
}

// maxMissing bounds the pairs that are remembered of one profile. What is left out comes again.
const maxMissing = 64

// miss counts a sample whose pair no text has shown.
func (s *protoSums) miss(k *protoStack, size int64) {
	s.unseen++
	if k.leaf >= 0 && len(s.missing) < maxMissing {
		s.missing = append(s.missing, addressSize{s.build.spots[k.leaf].offset, uint64(size)})
	}
}

// sum adds numbers that are not below 0, and notes in overflow if it went beyond what there is.
func (t *Totals) sum(v *[4]int64, samples int64, overflow *int64) {
	t.AllocObjects += v[0]
	t.AllocBytes += v[1]
	t.InuseObjects += v[2]
	t.InuseBytes += v[3]
	t.Samples += samples
	*overflow |= t.AllocObjects | t.AllocBytes | t.InuseObjects | t.InuseBytes | t.Samples
}

// close makes the total, when all samples are added.
func (s *protoSums) close() error {
	s.total = s.observer
	for i := range s.all {
		if s.overflow < 0 || !s.total.add(s.all[i].totals) {
			return errSums
		}
	}
	if s.overflow < 0 {
		return errSums
	}
	return nil
}

// find gives the index in all of a site's sum of a class, -1 for none.
func (s *protoSums) find(site int32, class rank) int {
	i := int(s.slots[site]) - 1
	for i >= 0 && s.all[i].rank != class {
		i = int(s.all[i].next) - 1
	}
	return i
}

func (s *protoSums) of(site int32, class rank) *protoSum {
	i := s.find(site, class)
	if i < 0 {
		i = len(s.all)
		s.all = append(s.all, protoSum{site: site, rank: class, next: s.slots[site]})
		s.slots[site] = int32(len(s.all))
	}
	return &s.all[i]
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
