// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// MaxLooks is the most looks that can be planned.
const MaxLooks = 6

// obrienFleming holds the constants C of one-sided alpha 5 % for 1 to 6 equally spaced looks: look k of K stops at
// z = C sqrt(K/k). O'Brien and Fleming, Biometrics 35 (1979); a test recomputes them by boundaryConstant.
var obrienFleming = [MaxLooks + 1]float64{0, 1.644854, 1.677952, 1.709604, 1.733098, 1.750863, 1.764887}

// share is the part of alpha that this look may spend: the nominal one-sided level of O'Brien and Fleming's boundary.
func (l Look) share(alpha float64) float64 {
	if l.Of == 1 {
		return alpha
	}
	constant := obrienFleming[l.Of]
	if alpha != 0.05 {
		constant = boundaryConstant(alpha, l.Of)
	}
	return distuv.UnitNormal.Survival(constant * math.Sqrt(float64(l.Of)/float64(l.Number)))
}

func (l Look) valid() bool { return l.Of >= 1 && l.Of <= MaxLooks && l.Number >= 1 && l.Number <= l.Of }

// boundaryConstant finds C such that a Brownian motion seen at 1/K, 2/K, ... 1 crosses C at any of them with chance alpha.
// On that scale the boundary of z = C sqrt(K/k) is flat, so the chance is that of a walk of normal steps.
func boundaryConstant(alpha float64, looks int) float64 {
	low, high := distuv.UnitNormal.Quantile(1-alpha), distuv.UnitNormal.Quantile(1-alpha/float64(looks))
	for range 24 {
		middle := (low + high) / 2
		if crossing(middle, looks) > alpha {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// crossing is the chance that a walk of n normal steps of variance 1/n goes above c at any step: Armitage, McPherson and
// Rowe's recursion over the density of the walks that did not yet (trapezoids from c down to 6 standard deviations below 0).
func crossing(c float64, n int) float64 {
	const cells = 240
	step, width := 1/math.Sqrt(float64(n)), (c+6)/cells
	normal := distuv.Normal{Sigma: step}
	at := func(i int) float64 { return c - float64(i)*width }
	var kernel [2*cells + 1]float64 // density of a step from cell j to cell i, by j-i
	for d := range kernel {
		kernel[d] = normal.Prob(float64(d-cells)*width) * width
	}
	density, crossed := make([]float64, cells+1), normal.Survival(c)
	for i := range density {
		density[i] = normal.Prob(at(i))
	}
	for range n - 1 {
		next := make([]float64, cells+1)
		for j, have := range density {
			if j == 0 || j == cells {
				have /= 2
			}
			crossed += have * width * normal.Survival(c-at(j))
			for i := range next {
				next[i] += have * kernel[j-i+cells]
			}
		}
		density = next
	}
	return crossed
}
