// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"slices"
)

// toSigma makes a median absolute deviation the standard deviation of a normal distribution.
const toSigma = 1.4826

// median sorts in place; NaN of nothing.
func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	n := len(v) / 2
	if len(v)%2 == 1 {
		return v[n]
	}
	return v[n-1]/2 + v[n]/2 // halves first: the sum of two large numbers overflows
}

// mad is the median distance from a centre; it overwrites and sorts.
func mad(v []float64, centre float64) float64 {
	for i := range v {
		v[i] = math.Abs(v[i] - centre)
	}
	return median(v)
}
