// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package ladder

import "math/bits"

// fit is how well one kind of map explains the sizes of a line.
type fit struct {
	maps               Maps
	minGroup, maxGroup int64
	rungs              int    // the longest run of adjacent rungs
	matched            uint64 // bit i: the i-th size is a rung of that run
	top                int    // the rung of the largest size of the run: 2^top groups
	bytes              int64  // allocated in the run
}

// mostSizes of one line are looked at: the largest. A line with more of them is not a map's.
const mostSizes = 64

// fitLine gives the best fit over all group sizes and kinds.
func fitLine(line []sum, kinds []Maps) (fit, bool) {
	if len(line) > mostSizes {
		return fit{}, false
	}
	best := fitKind(line, kinds[0])
	for _, maps := range kinds[1:] {
		best = best.or(fitKind(line, maps), line)
	}
	return best, best.rungs >= fewestRungs
}

// fitKind tries all group sizes, and gives the range of those that explain the line equally well.
func fitKind(line []sum, maps Maps) (best fit) {
	for i, rungs := range ladders[maps]() {
		one := fitGroup(line, rungs)
		one.maps, one.minGroup, one.maxGroup = maps, groupSize(maps, int64(i+1)), groupSize(maps, int64(i+1))
		switch {
		case one.rungs < fewestRungs || one.less(&best):
		case best.less(&one):
			best = one
		default: // as good: it cannot be told which
			best.maxGroup, best.top = one.maxGroup, max(best.top, one.top)
		}
	}
	return best
}

// or is the better of the fits of two kinds: one with a shape that append does not make, if it explains nearly as much, since
// the directories of Swiss maps look like small rungs of another map. Where nothing tells them apart it is Either.
func (f fit) or(o fit, line []sum) fit {
	shaped, otherShaped := f.isNoSlice(line), o.isNoSlice(line)
	switch {
	case shaped && !otherShaped && f.nearly(&o):
		return f
	case otherShaped && !shaped && o.nearly(&f):
		return o
	case o.less(&f):
		return f
	case f.less(&o):
		return o
	}
	f.minGroup, f.maxGroup, f.top = min(f.minGroup, o.minGroup), max(f.maxGroup, o.maxGroup), max(f.top, o.top)
	f.maps = Either
	return f
}

// less tells whether f explains less than o.
func (f *fit) less(o *fit) bool {
	if f.rungs != o.rungs {
		return f.rungs < o.rungs
	}
	return f.bytes < o.bytes
}

// nearly tells whether f explains nearly as many bytes as o.
func (f *fit) nearly(o *fit) bool { return float64(f.bytes) >= 0.9*float64(o.bytes) }

// fitGroup finds the longest run of adjacent rungs among the sizes; of equal ones the upper.
func fitGroup(line []sum, rungs []rungSizes) (best fit) {
	var run fit
	largest := line[len(line)-1].size
	at := 0
	for k := range rungs {
		r := &rungs[k]
		if r.raw > largest {
			break
		}
		for at < len(line) && line[at].size < r.plain {
			at++
		}
		matched := uint64(0)
		for i := at; i < len(line) && line[i].size <= r.headed; i++ {
			if line[i].size == r.plain || line[i].size == r.headed {
				matched |= 1 << i
			}
		}
		if matched == 0 {
			run.rungs, run.matched = 0, 0
			continue
		}
		run.rungs++
		run.matched |= matched
		run.top = k
		if run.rungs >= best.rungs {
			best = run
		}
	}
	for i := range line {
		if best.matched&(1<<i) != 0 {
			best.bytes = plus(best.bytes, line[i].allocated)
		}
	}
	return best
}

const (
	// piled times as many blocks of a full table as of half of one: the map has several tables. An append that is done over and
	// over makes as many of each.
	piled = 4
	// doubled is how long append doubles: below 256 elements, since Go 1.18. Elements that are larger than this many bytes in
	// all are rare.
	doubled = 256 * 128
	// fewestLarge rungs above that are no accident.
	fewestLarge = 3
)

// isNoSlice tells that append would not make this shape.
func (f *fit) isNoSlice(line []sum) bool {
	if f.rungs < fewestRungs {
		return false
	}
	last := bits.Len64(f.matched) - 1
	if f.maps == Swiss && f.top == topSwiss && last == len(line)-1 {
		below := bits.Len64(f.matched&^(1<<last)) - 1
		objects := func(s *sum) float64 { return float64(s.allocated) / float64(s.size) }
		return below >= 0 && objects(&line[last]) >= piled*objects(&line[below])
	}
	large, others := 0, 0
	for i := range line[:last+1] {
		switch {
		case line[i].size <= doubled:
		case f.matched&(1<<i) != 0:
			large++
		default:
			others++ // append takes more steps there than a map
		}
	}
	return f.maps == Old && large >= fewestLarge && others <= 1
}
