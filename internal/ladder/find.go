// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package ladder

import (
	"cmp"
	"math"
	"slices"
)

// Place is a line of the user's code.
type Place struct {
	Function, File string
	Line           int64
}

// Block is what a profile says of the blocks of one size that were allocated on one line, and nothing else: no frame of a map.
type Block struct {
	Place
	Size      int64 // bytes of one block: the label "bytes" of a sample
	Allocated int64 // bytes, estimated (unsampled), of whatever time is to be judged
	Inuse     int64 // bytes, estimated
}

func (b *Block) usable() bool { return b.Size > 0 && b.Size <= most && b.Allocated > 0 && b.Inuse >= 0 }

// Settings of Find. The zero value is of a process of which nothing is known.
type Settings struct {
	Runtime string // as for RuntimeOf
	Rate    int64  // MemProfileRate in bytes, 0 for the default of 512 KiB
	// Assigns tells whether a CPU profile of the process, in which frames of maps are not hidden, saw an assignment to a map on
	// this line. nil: nobody looked.
	Assigns func(Place) bool
}

// Growth is a line that looks like a growing map. All numbers are of the blocks of its ladder alone: the values that are made on
// the same line are not in them.
type Growth struct {
	Place
	Maps               Maps    // Either where both fit
	MinGroup, MaxGroup int64   // bytes: the group or bucket sizes that fit
	Rungs              int     // adjacent rungs of the ladder that were seen
	Sizes              []int64 // bytes of their blocks, the smallest first
	Largest            int64   // bytes of the largest block
	Allocated, Inuse   int64   // bytes, estimated
	Objects            int64   // allocated, estimated
	Samples            int64   // about how many sampled allocations that stands on
	StdErr             float64
	Likely             bool // else only possible: append makes such sizes too
	Assigned           bool // an assignment to a map was seen on this line
}

// DefaultRate is Go's MemProfileRate in bytes.
const DefaultRate = 512 << 10

// fewestRungs make a ladder.
const fewestRungs = 2

// Find gives the lines whose blocks are those of a growing map, the largest first. Records that cannot be are passed over; what is
// said twice is added up. The order of the blocks does not matter.
func Find(blocks []Block, set Settings) []Growth {
	if set.Rate <= 0 {
		set.Rate = DefaultRate
	}
	kinds := []Maps{Swiss, Old}
	if maps := RuntimeOf(set.Runtime).Maps; maps != Either {
		kinds = []Maps{maps}
	}
	var found []Growth
	for place, line := range byPlace(blocks) {
		if best, ok := fitLine(line, kinds); ok {
			found = append(found, best.growth(place, line, set))
		}
	}
	slices.SortFunc(found, func(a, b Growth) int {
		return cmp.Or(cmp.Compare(b.Allocated, a.Allocated), cmp.Compare(a.Function, b.Function), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return found
}

// sum is what a line allocated in blocks of one size.
type sum struct{ size, allocated, inuse int64 }

// byPlace gives the sums of each line that has enough sizes, the smallest first.
func byPlace(blocks []Block) map[Place][]sum {
	lines := map[Place][]sum{}
	for i := range blocks {
		b := &blocks[i]
		if !b.usable() {
			continue
		}
		lines[b.Place] = append(lines[b.Place], sum{b.Size, b.Allocated, b.Inuse})
	}
	for place, line := range lines {
		slices.SortFunc(line, func(a, b sum) int { return cmp.Compare(a.size, b.size) })
		merged := line[:1]
		for _, s := range line[1:] {
			last := &merged[len(merged)-1]
			if s.size != last.size {
				merged = append(merged, s)
				continue
			}
			last.allocated, last.inuse = plus(last.allocated, s.allocated), plus(last.inuse, s.inuse)
		}
		if len(merged) < fewestRungs {
			delete(lines, place)
			continue
		}
		lines[place] = merged
	}
	return lines
}

// plus adds what is not negative, and stays at the largest number.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// growth sums up the rungs of a fit.
func (f *fit) growth(place Place, line []sum, set Settings) Growth {
	g := Growth{Place: place, Maps: f.maps, MinGroup: f.minGroup, MaxGroup: f.maxGroup, Rungs: f.rungs}
	for i := range line {
		if f.matched&(1<<i) != 0 {
			g.Sizes = append(g.Sizes, line[i].size)
		}
	}
	g.Assigned = set.Assigns != nil && set.Assigns(place)
	g.Likely = g.Assigned || f.isNoSlice(line)
	g.add(line, set.Rate)
	return g
}

// In is the same growth in another profile of the process: the blocks of its line that have its sizes, so that two profiles can be
// compared although one of them shows fewer rungs. rate is as in Settings.
func (g *Growth) In(blocks []Block, rate int64) Growth {
	if rate <= 0 {
		rate = DefaultRate
	}
	in := *g
	in.Largest, in.Allocated, in.Inuse, in.Objects, in.Samples, in.StdErr = 0, 0, 0, 0, 0, 0
	var line []sum
	for i := range blocks {
		if b := &blocks[i]; b.Place == g.Place && b.usable() {
			line = append(line, sum{b.Size, b.Allocated, b.Inuse})
		}
	}
	slices.SortFunc(line, func(a, b sum) int { return cmp.Compare(a.size, b.size) })
	in.add(line, rate)
	return in
}

// add sums up what has the sizes of the growth.
func (g *Growth) add(line []sum, rate int64) {
	var variance, samples, objects float64
	for i := range line {
		s := &line[i]
		if _, ok := slices.BinarySearch(g.Sizes, s.size); !ok {
			continue
		}
		n := float64(s.allocated) / float64(s.size)
		p := 1.0
		if rate > 1 {
			p = -math.Expm1(-float64(s.size) / float64(rate))
		}
		g.Largest = s.size
		g.Allocated, g.Inuse = plus(g.Allocated, s.allocated), plus(g.Inuse, s.inuse)
		objects += n
		samples += n * p
		variance += n * float64(s.size) * float64(s.size) * (1 - p) / p
	}
	g.Objects, g.Samples = whole(objects), whole(samples)
	g.StdErr = math.Sqrt(variance)
}

func whole(n float64) int64 { return int64(min(n+0.5, math.MaxInt64/2)) }
