// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import "math"

const (
	slots  = 168 // hours of a week
	points = 64  // of one hour and kind that are kept until the hour ends
	// fewest is how many points make an hour: with fewer, one restart would be the hour.
	fewest = 3
)

// Kind is a number that has a baseline.
type Kind struct {
	Name   string // in the storage; at most 64 bytes
	Signed bool   // may be below 0 and has no scale of its own size, such as a slope
	// Floor is the least scale, in the unit of the number and positive: what differs by less is nobody's concern.
	Floor float64
}

// unit is what misses are measured in: the size of what was expected, so that night and day compare.
func (k *Kind) unit(expected float64) float64 {
	if k.Signed {
		return 1
	}
	return max(expected, k.Floor)
}

func (k *Kind) accepts(v float64) bool {
	return !math.IsNaN(v) && math.Abs(v) <= largest && (k.Signed || v >= 0)
}

// series is what is remembered of one kind of one workload.
type series struct {
	medians []short // of slot s in week w at s*weeks + w%weeks; what the weeks are says Workload.latest
	spreads []short // by slot, in units of the hour's median

	open  [points]float32 // of the hour that has not ended
	heard uint32          // points in it, also those that were thinned out

	expected Expectation // as of hour
	hour     int64
}

func newSeries(weeks int) *series {
	s := &series{medians: make([]short, slots*weeks), spreads: make([]short, slots), hour: -1}
	for i := range s.medians {
		s.medians[i] = absent
	}
	for i := range s.spreads {
		s.spreads[i] = absent
	}
	return s
}

// add keeps a point of the open hour: each of n points is kept with the same chance (reservoir sampling).
func (s *series) add(v float64, random func() uint32) {
	s.heard++
	if s.heard <= points {
		s.open[s.heard-1] = float32(v)
	} else if at := random() % s.heard; at < points {
		s.open[at] = float32(v)
	}
}

// end makes the open hour one median and forgets its points.
func (s *series) end(kind *Kind, slot, at int) {
	n := min(int(s.heard), points)
	s.heard, s.hour = 0, -1
	if n < fewest {
		return
	}
	var all [points]float64
	v := all[:n]
	for i := range v {
		v[i] = float64(s.open[i])
	}
	middle := median(v)
	upper := (v[(n-1)*95/100] - middle) / 1.645
	spread := max(upper, toSigma*mad(v, middle)) / kind.unit(middle)
	s.medians[at] = shorten(middle)
	if old := s.spreads[slot]; old.known() {
		was := old.value()
		if was > 0 {
			spread = min(spread, 2*was)
		}
		spread = was + (spread-was)/4
	}
	s.spreads[slot] = shorten(spread)
}
