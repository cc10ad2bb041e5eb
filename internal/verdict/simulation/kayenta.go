// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/heapgate/heapgate/internal/verdict/compare"
)

// kayenta decides as the rule of its MannWhitneyClassifier does for a metric whose increase is bad: High if the lower end of
// the 98 % interval of the Hodges-Lehmann shift is above a quarter of that shift, and the ratio of the means reaches the
// allowed increase. The interval is Mann and Whitney's by the normal approximation with correction for continuity.
func kayenta(allowed float64) func(pair, compare.Look) answer {
	z := distuv.UnitNormal.Quantile(0.99)
	return func(p pair, _ compare.Look) answer {
		b, c := averaged(p.baseline), averaged(p.candidate)
		ratio := mean(c) / mean(b)
		slices.Sort(b)
		slices.Sort(c)
		pairs := float64(len(b) * len(c))
		low := pairs/2 - 0.5 - z*math.Sqrt(pairs*float64(len(b)+len(c)+1)/12)
		lower, shift := differenceAt(b, c, low), differenceAt(b, c, pairs/2)
		if lower > 0.25*math.Abs(shift) && ratio >= allowed {
			return block
		}
		return allow
	}
}

// differenceAt is the k-th smallest of all differences c-b, by bisection: both are sorted.
func differenceAt(b, c []float64, k float64) float64 {
	low, high := c[0]-b[len(b)-1], c[len(c)-1]-b[0]
	for range 40 {
		middle, below, i := (low+high)/2, 0, 0
		for _, v := range c { // b >= v-middle: the first such index grows with v
			for i < len(b) && b[i] < v-middle {
				i++
			}
			below += len(b) - i
		}
		if float64(below) <= k {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}
