// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"math"
	"strings"
	"sync"

	"github.com/heapgate/heapgate/internal/gofunc"
	"github.com/heapgate/heapgate/internal/profile"
	"github.com/heapgate/heapgate/internal/stacktext"
)

// BuildLimits bound what is held per build. A zero field means its default. What does not fit is not learned: a profile
// with such an address is read carefully every time, a pair is Unknown; Build.Stats tells.
type BuildLimits struct {
	Addresses int // default 100,000; about 50 bytes each
	Sites     int // default 50,000
	Pairs     int // default 100,000; about 50 bytes each
}

// Build is what all processes of one build have in common: what stands at an address, and which class the pairs have.
// It is safe for concurrent use.
type Build struct {
	limits BuildLimits

	mu      sync.RWMutex
	program program
	at      addressTable // index in spots by address
	spots   []spot
	siteIDs map[stacktext.Place]int32
	short   map[string]string // see printed
	sites   []stacktext.Place
	pairs   addressTable // index in ways by pair
	ways    []scaledWay
	rate    int64 // of the first text, which the scales of the ways are for
	version int64 // counts what Learn changed
	layout  protoLayout
	full    bool // a limit kept something from being learned
}

// program is what the first mapping says of a program, besides where it is.
type program struct {
	id   string // "" up to Go 1.23
	size uint64 // of the mapping, bytes
}

// spot is what stands at an address: one frame, or several that are inlined there. The innermost comes first.
type spot struct {
	offset uint64
	line   uint32 // of the innermost frame, to notice another build
	frames
}

// frames is what a spot says to the stacks that have it.
type frames struct {
	place int32 // the site of the first frame that is one; else, with isFallback, of the first frame that is no allocator, or of the last; -1 for none
	way   int32 // index in ways of a pair of this address, where the others follow; -1 for none
	rank  rank  // the strongest of the frames before the site
	flags uint8
}

const (
	isObserverSpot  = 1 << iota // a frame is the observer's
	isCollectorSpot             // the collector's own frames end here what the ranks say
	isAllocatorSpot             // the fallback is an allocator
	isFallback                  // no frame is a call site
)

// way is what the hidden frames say of a pair.
type way struct {
	rank      rank
	collector bool
	ladder    bool // see meaning
}

// scaledWay is a way, and how the blocks of its pair are unsampled at the Build's rate.
type scaledWay struct {
	way
	next  int32 // of the same address; -1 for none
	scale scale
}

// NewBuild gives one that knows nothing.
func NewBuild(l BuildLimits) *Build {
	set := func(limit *int, value int) {
		if *limit <= 0 {
			*limit = value
		}
	}
	set(&l.Addresses, 100_000)
	set(&l.Sites, 50_000)
	set(&l.Pairs, 100_000)
	b := &Build{limits: l, siteIDs: map[stacktext.Place]int32{}, short: map[string]string{}}
	b.site(stacktext.Place{Function: "unknown"}) // of stacks without a frame, and of what there is no room for
	return b
}

// BuildStats tells how much a Build holds.
type BuildStats struct {
	Addresses, Sites, Pairs int
	Full                    bool // a limit kept something from being learned
}

// Stats tells how much is held.
func (b *Build) Stats() BuildStats {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return BuildStats{len(b.spots), len(b.sites), len(b.ways), b.full}
}

// spotAt gives the index in spots of an offset from the base.
func (b *Build) spotAt(offset uint64) (int32, bool) { return b.at.find(offset, 0) }

// spotAfter is spotAt, and looks first behind the spot that was found last: profiles of one build have much the same
// order, because the runtime walks its list of buckets.
func (b *Build) spotAfter(last int32, offset uint64) (int32, bool) {
	if next := uint(last + 1); next < uint(len(b.spots)) && b.spots[next].offset == offset {
		return int32(next), true
	}
	return b.at.find(offset, 0)
}

// teach learns the locations of a profile, and gives their indices in spots: -1 where there is no room. ErrOtherBuild
// where one is known as something else; then nothing is learned.
func (b *Build) teach(p *profile.Profile, base uint64, ids []int32) ([]int32, error) {
	ids = ids[:0]
	var is program
	if len(p.Mappings) > 0 {
		is = program{p.Mappings[0].BuildID, p.Mappings[0].Limit - p.Mappings[0].Start}
	}
	if len(b.spots) > 0 && is != b.program {
		return nil, ErrOtherBuild
	}
	for i := range p.Locations {
		l := &p.Locations[i]
		id, ok := b.spotAt(l.Address - base)
		if ok && !b.agrees(&b.spots[id], p, l) {
			return nil, ErrOtherBuild
		}
		if !ok {
			id = -1
		}
		ids = append(ids, id)
	}
	b.program = is
	for i, id := range ids {
		if id < 0 {
			ids[i] = b.teachOne(p, &p.Locations[i], base)
		}
	}
	return ids, nil
}

func (b *Build) teachOne(p *profile.Profile, l *profile.Location, base uint64) int32 {
	if id, ok := b.spotAt(l.Address - base); ok { // two locations at one address
		return id
	}
	if len(b.spots) >= b.limits.Addresses || len(b.sites)+2 > b.limits.Sites {
		b.full = true
		return -1
	}
	found := b.read(p, l)
	s := spot{l.Address - base, firstLine(l), frames{place: -1, way: -1, rank: found.rank, flags: found.flags}}
	if found.sited {
		s.place = b.site(found.site)
	} else if s.flags |= isFallback; len(l.Lines) > 0 {
		s.place = b.site(found.fallback)
	}
	id := int32(len(b.spots))
	b.spots = append(b.spots, s)
	b.at.add(l.Address-base, 0, id)
	return id
}

func firstLine(l *profile.Location) uint32 {
	if len(l.Lines) == 0 {
		return 0
	}
	return uint32(lineNumber(l.Lines[0].Line))
}

// agrees reports whether a location is what is known of its address.
func (b *Build) agrees(s *spot, p *profile.Profile, l *profile.Location) bool {
	r := b.read(p, l)
	switch {
	case s.line != firstLine(l) || r.sited != (s.flags&isFallback == 0):
		return false
	case r.sited:
		return b.sites[s.place] == r.site
	case s.place >= 0:
		return b.sites[s.place] == r.fallback
	}
	return len(l.Lines) == 0
}

// reading is what the names of a location say.
type reading struct {
	sited          bool
	site, fallback stacktext.Place
	rank           rank
	flags          uint8
}

func (b *Build) read(p *profile.Profile, l *profile.Location) (r reading) {
	r.flags = isAllocatorSpot
	for _, line := range l.Lines {
		f := &p.Functions[line.Function]
		if stacktext.IsObserver([]byte(f.Name)) {
			r.flags |= isObserverSpot
		}
		if r.sited {
			continue
		}
		at := stacktext.Place{Function: b.printed(f.Name), File: f.File, Line: lineNumber(line.Line)}
		if !gofunc.PassedOver(f.Name) {
			r.sited, r.site = true, at
			continue
		}
		if isGC(f.Name) {
			r.flags |= isCollectorSpot
		}
		if r.flags&isCollectorSpot == 0 {
			r.rank = max(r.rank, rankOf(f.Name))
		}
		if r.flags&isAllocatorSpot != 0 {
			r.fallback = at
			if !hasAnyPrefix(f.Name, allocators) {
				r.flags &^= isAllocatorSpot
			}
		}
	}
	return r
}

// printed is the name of an instantiated function as the runtime prints it into a text: [...] for its type arguments.
func (b *Build) printed(name string) string {
	from, to := strings.IndexByte(name, '['), strings.LastIndexByte(name, ']')
	if from < 0 || to < from || name[from:to] == "[..." {
		return name
	}
	short, ok := b.short[name]
	if !ok {
		short = name[:from] + "[...]" + name[to+1:]
		b.short[name] = short
	}
	return short
}

func lineNumber(n int64) int {
	if n < 0 || n > math.MaxInt32 {
		return 0
	}
	return int(n)
}

// site gives a place its number.
func (b *Build) site(p stacktext.Place) int32 {
	id, ok := b.siteIDs[p]
	if !ok {
		id = int32(len(b.sites))
		b.sites = append(b.sites, p)
		b.siteIDs[p] = id
	}
	return id
}
