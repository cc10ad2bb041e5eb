// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	minPodPoints = 8         // a pod with fewer is no replicate
	minTimes     = 16        // four batches of four
	smallest     = 0x1p-1022 // below it floats have fewer digits, and math.Log on amd64 gives nonsense
)

// track is what is left of one pod after cleaning: times, log values, log loads.
type track struct {
	pod  string
	at   []int64
	y, x []float64
}

// clean takes what can be used of the pods, sorted by name and time, and says why that is not enough, if so.
// With load, points without one are left out.
func clean(pods []Pod, set Settings, load bool) ([]track, Side, string) {
	var (
		side   Side
		tracks []track
	)
	sorted := slices.Clone(pods)
	slices.SortStableFunc(sorted, func(a, b Pod) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Born, b.Born), cmp.Compare(len(a.Points), len(b.Points)))
	})
	nan := 0
	for _, p := range sorted {
		side.Expected += max(p.Expected, len(p.Points))
		t := track{pod: p.Name}
		for _, point := range ordered(p.Points) {
			switch v := point.Value; {
			case math.IsNaN(v):
				nan++
			case math.IsInf(v, 0) || math.IsInf(point.Load, 0):
				side.Infinite++
			case v < smallest:
				side.NotPositive++
			default:
				side.Present++
				t.add(point, p.Born, set.WarmUp, load, &side)
			}
		}
		if len(t.at) < minPodPoints {
			side.ShortPods++
			continue
		}
		tracks = append(tracks, t)
	}
	return tracks, side, shortage(len(pods), nan, side, set)
}

func (t *track) add(p Point, born int64, warmUp time.Duration, load bool, side *Side) {
	if born != 0 && float64(p.At)-float64(born) < float64(warmUp.Milliseconds()) {
		side.WarmUp++
		return
	}
	x := 0.0
	if !(p.Load >= smallest) { // NaN too
		side.NoLoad++
		if load {
			return
		}
	} else {
		x = math.Log(p.Load)
	}
	t.at, t.y, t.x = append(t.at, p.At), append(t.y, math.Log(p.Value)), append(t.x, x)
}

func shortage(pods, nan int, side Side, set Settings) string {
	switch {
	case pods == 0:
		return ReasonNoPods
	case side.Infinite > 0, side.Present == 0 && side.NotPositive == 0 && nan > 0:
		return ReasonNotFinite
	case float64(side.NotPositive) > (1-set.MinCoverage)*float64(side.Present+side.NotPositive):
		return ReasonNotPositive
	case side.Expected == 0, float64(side.Present) < set.MinCoverage*float64(side.Expected):
		return ReasonInsufficientData
	}
	return ""
}

// ordered returns the points by time, and where times are equal by value, so that the order given does not matter.
func ordered(points []Point) []Point {
	byTime := func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Load, b.Load))
	}
	if slices.IsSortedFunc(points, byTime) {
		return points
	}
	sorted := slices.Clone(points)
	slices.SortFunc(sorted, byTime)
	return sorted
}

func count(tracks []track) int {
	n := 0
	for _, t := range tracks {
		n += len(t.at)
	}
	return n
}

// grid numbers the points of one side by time: points less than half a step apart are of one time, whatever their pod.
// It returns the number of each point and how many there are.
func grid(tracks []track) ([][]int, int) {
	var all []int64
	var gaps []float64
	for _, t := range tracks {
		all = append(all, t.at...)
		for i := 1; i < len(t.at); i++ {
			if gap := float64(t.at[i]) - float64(t.at[i-1]); gap > 0 {
				gaps = append(gaps, gap)
			}
		}
	}
	if len(gaps) == 0 {
		return nil, 0
	}
	slices.Sort(all)
	step := quantile(gaps, 0.5)
	starts := all[:0:0]
	for _, at := range all {
		if len(starts) == 0 || float64(at)-float64(starts[len(starts)-1]) >= step/2 {
			starts = append(starts, at)
		}
	}
	numbers := make([][]int, len(tracks))
	for i, t := range tracks {
		numbers[i] = make([]int, len(t.at))
		for j, at := range t.at {
			k, found := slices.BinarySearch(starts, at)
			if !found {
				k--
			}
			numbers[i][j] = k
		}
	}
	return numbers, len(starts)
}

// quantile sorts values and returns the q quantile, interpolated. Values must not be empty.
func quantile(values []float64, q float64) float64 {
	slices.Sort(values)
	at := q * float64(len(values)-1)
	low := int(at)
	if low+1 >= len(values) {
		return values[len(values)-1]
	}
	part := at - float64(low)
	return values[low]*(1-part) + values[low+1]*part
}
