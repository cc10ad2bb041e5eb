// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"cmp"
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pprofile"
)

// The sample types of a Go heap profile.
const (
	allocObjects = iota
	allocSpace
	inuseObjects
	inuseSpace
	sampleTypes
)

var typeOf = map[string]int{"alloc_objects": allocObjects, "alloc_space": allocSpace, "inuse_objects": inuseObjects, "inuse_space": inuseSpace}

// Why a snapshot is not used.
const (
	notHeap  = "not_heap"   // no alloc_space
	tooMany  = "too_many"   // more samples than max_samples
	negative = "negative"   // a value below zero, where nothing can be
	overflow = "overflow"   // values whose sum is more than an int64 holds
	noTime   = "no_time"    // neither a time nor a duration
	halfOnly = "incomplete" // alloc_space without alloc_objects: no block has a size
)

// snapshot is what the heap profile of one process says at one time.
type snapshot struct {
	end     uint64 // unix nanoseconds
	rate    int64  // MemProfileRate in bytes, 0 if not said
	delta   bool   // the allocation counts are of the profile's duration
	has     [sampleTypes]bool
	buckets map[bucket]*[sampleTypes]int64
	refused string
}

// bucket is one stack with one size of blocks, 0 where the size is not said.
type bucket struct {
	stack int32
	size  int64
}

// read groups a resource's profiles into snapshots, oldest first.
func read(d *dictionary, rp pprofile.ResourceProfiles, cfg *Config) []*snapshot {
	byEnd := map[uint64]*snapshot{}
	for _, scope := range rp.ScopeProfiles().All() {
		for _, p := range scope.Profiles().All() {
			kind, ok := typeOf[d.text(p.SampleType().TypeStrindex())]
			if !ok {
				continue
			}
			end := uint64(p.Time()) + p.DurationNano()
			s := byEnd[end]
			if s == nil {
				s = &snapshot{end: end, buckets: map[bucket]*[sampleTypes]int64{}}
				byEnd[end] = s
			}
			s.add(d, p, kind, cfg)
		}
	}
	var all []*snapshot
	for _, s := range byEnd {
		s.check()
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *snapshot) int { return cmp.Compare(a.end, b.end) })
	return all
}

func (s *snapshot) add(d *dictionary, p pprofile.Profile, kind int, cfg *Config) {
	delta := isDelta(d, p)
	switch kind {
	case allocSpace, allocObjects:
		s.delta = cfg.Temporality == Delta || cfg.Temporality == Auto && delta
	case inuseObjects, inuseSpace:
		if delta {
			return // by how much it changed, which tells nobody how much there is
		}
	}
	s.has[kind] = true
	if d.text(p.PeriodType().TypeStrindex()) == "space" && p.Period() > 0 {
		s.rate = p.Period()
	}
	for _, sample := range p.Samples().All() {
		key := bucket{stack: sample.StackIndex()}
		if size, ok := d.attribute(sample.AttributeIndices(), "bytes"); ok {
			key.size = max(size.Int(), 0)
		}
		values := s.buckets[key]
		if values == nil {
			if len(s.buckets) == cfg.MaxSamples {
				s.refused = tooMany
				return
			}
			values = new([sampleTypes]int64)
			s.buckets[key] = values
		}
		for i := range sample.Values().Len() {
			if why := plus(&values[kind], sample.Values().At(i)); why != "" {
				s.refused = why
				return
			}
		}
	}
}

// plus adds a value that cannot be below zero and says why it did not.
func plus(sum *int64, v int64) (refused string) {
	switch {
	case v < 0:
		return negative
	case *sum > math.MaxInt64-v:
		return overflow
	}
	*sum += v
	return ""
}

// isDelta tells whether a profile's values are a difference over its duration: as it says itself, or else by having one.
func isDelta(d *dictionary, p pprofile.Profile) bool {
	if said, ok := d.attribute(p.AttributeIndices(), "heapgate.profile.temporality"); ok {
		return said.Str() == string(Delta)
	}
	return p.DurationNano() > 0
}

// check refuses what cannot be used.
func (s *snapshot) check() {
	switch {
	case s.refused != "":
	case !s.has[allocSpace]:
		s.refused = notHeap
	case !s.has[allocObjects]:
		s.refused = halfOnly
	case s.end == 0:
		s.refused = noTime
	}
}
