// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package compare

import "math"

const (
	winsorMAD   = 4     // unscaled MAD: 2.7 standard deviations of a normal
	winsorTurns = 3     // rounds of fit and clip; the third changes nothing that matters
	flatNoise   = 1e-9  // what rounding makes of equal values is no noise
	flatLoad    = 0.001 // a load that varies by less within pods says nothing about its effect
	loadEdge    = 0.01  // of the band, so that two loads equal to 1 % always compare
)

// fit is the regression of log value on pod and log load, with one slope for all pods. With one pod a side that is
// y ~ version + x. Pods weigh the same within their version.
type fit struct {
	sides    [2]fitSide // baseline, candidate
	slope    float64
	sxx      float64 // of the load within pods; 0 if the slope is not fitted
	shift    float64 // mean log load, candidate less baseline
	logRatio float64
}

type fitSide struct {
	tracks     []track
	y          [][]float64 // winsorised log values
	rest       [][]float64 // winsorised residuals
	meanY      []float64   // of each pod
	meanX      []float64
	winsorised int
}

func newFit(baseline, candidate []track, adjust bool) fit {
	f := fit{sides: [2]fitSide{newFitSide(baseline), newFitSide(candidate)}}
	for range winsorTurns {
		f.regress(adjust)
		for i := range f.sides {
			f.sides[i].winsorise(f.slope)
		}
	}
	f.regress(adjust)
	for i := range f.sides {
		f.sides[i].residuals(f.slope)
	}
	f.shift = mean(f.sides[1].meanX) - mean(f.sides[0].meanX)
	f.logRatio = mean(f.sides[1].levels(f.slope)) - mean(f.sides[0].levels(f.slope))
	return f
}

func newFitSide(tracks []track) fitSide {
	s := fitSide{tracks: tracks}
	for _, t := range tracks {
		s.y = append(s.y, append([]float64(nil), t.y...))
		s.rest = append(s.rest, make([]float64, len(t.y)))
		s.meanX = append(s.meanX, mean(t.x))
	}
	s.meanY = make([]float64, len(tracks))
	return s
}

// regress fits the slope within pods and each pod's mean.
func (f *fit) regress(adjust bool) {
	var sxx, sxy float64
	n := 0
	for i := range f.sides {
		s := &f.sides[i]
		for p, t := range s.tracks {
			s.meanY[p] = mean(s.y[p])
			for j, x := range t.x {
				dx := x - s.meanX[p]
				sxx += dx * dx
				sxy += dx * (s.y[p][j] - s.meanY[p])
			}
			n += len(t.x)
		}
	}
	f.slope, f.sxx = 0, 0
	if adjust && n > 0 && sxx > flatLoad*flatLoad*float64(n) {
		f.slope, f.sxx = sxy/sxx, sxx
	}
}

// winsorise pulls each original residual to within 4 MAD of their median and adds it to the fitted value.
func (s *fitSide) winsorise(slope float64) {
	s.winsorised = 0
	var all []float64
	for p, t := range s.tracks {
		for j := range t.y {
			s.rest[p][j] = t.y[j] - s.meanY[p] - slope*(t.x[j]-s.meanX[p])
		}
		all = append(all, s.rest[p]...)
	}
	if len(all) == 0 {
		return
	}
	middle := quantile(all, 0.5)
	for i := range all {
		all[i] = math.Abs(all[i] - middle)
	}
	reach := winsorMAD * quantile(all, 0.5)
	if reach < flatNoise {
		return // more than half of the values are equal: nothing to measure an outlier by
	}
	for p, t := range s.tracks {
		for j, r := range s.rest[p] {
			clipped := min(max(r, middle-reach), middle+reach)
			if clipped != r {
				s.winsorised++
			}
			s.y[p][j] = t.y[j] - r + clipped
		}
	}
}

func (s *fitSide) residuals(slope float64) {
	for p, t := range s.tracks {
		for j := range t.x {
			s.rest[p][j] = s.y[p][j] - s.meanY[p] - slope*(t.x[j]-s.meanX[p])
		}
	}
}

// levels are the pods' mean log values, taken to a load of 1.
func (s *fitSide) levels(slope float64) []float64 {
	levels := make([]float64, len(s.tracks))
	for p := range levels {
		levels[p] = s.meanY[p] - slope*s.meanX[p]
	}
	return levels
}

// overlap says whether the candidate's median load is one that the baseline has seen, and fills in the steps.
func overlap(baseline, candidate []track, steps *Steps) bool {
	b, c := loads(baseline), loads(candidate)
	low, high, middle := quantile(b, 0.05), quantile(b, 0.95), quantile(c, 0.5)
	steps.LoadLow, steps.LoadHigh, steps.LoadMedian = math.Exp(low), math.Exp(high), math.Exp(middle)
	return middle >= low-loadEdge && middle <= high+loadEdge
}

func loads(tracks []track) []float64 {
	var all []float64
	for _, t := range tracks {
		all = append(all, t.x...)
	}
	return all
}

func mean(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
