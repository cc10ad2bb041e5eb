// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The baseline falls, so that any candidate is steeper, and the limit is near: only the lower bound says that it is flat.
func TestFlatIsNoLeak(t *testing.T) {
	falling, found := growing(5, "old", 4, -0.1, 0), 0
	for seed := range uint64(40) {
		if Leak([]Pod{falling}, []Pod{growing(seed+50, "flat", 4, 0, 0)}, 101, DefaultLeak()).State == LeakFound {
			found++
		}
	}
	if found > 6 { // 5 % of 40 are 2
		t.Errorf("%d of 40 flat pods leak", found)
	}
}

// Where six batches of 3 tau do not fit, the error of the slope must still be of the right size. With these seeds it is 0.92
// of the slopes' real deviation, and without inflation 0.61.
func TestSlopeErrorOfSlowNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	const n, runs = 200, 400
	slopes, errors := 0.0, 0.0
	for range runs {
		ages, values, noise := make([]float64, n), make([]float64, n), rng.NormFloat64()
		for i := range ages {
			noise = 0.97*noise + math.Sqrt(1-0.97*0.97)*rng.NormFloat64()
			ages[i], values[i] = float64(i), 100+noise
		}
		l := lineThrough(ages, values)
		slopes, errors = slopes+l.slope*l.slope, errors+l.se*l.se
	}
	if r := math.Sqrt(errors / slopes); r < 0.75 || r > 1.3 {
		t.Errorf("the standard error is %v of the slopes' real deviation", r)
	}
}

// A line without noise is found as it is.
func TestLineThrough(t *testing.T) {
	var ages, values []float64
	for i := range 100 {
		ages, values = append(ages, 1000+float64(i)*30), append(values, 50+0.25*float64(i)*30)
	}
	l := lineThrough(ages, values)
	if math.Abs(l.slope-0.25) > 1e-12 || l.se > 1e-12 || math.Abs(l.end-values[99]) > 1e-9 || l.span != 99*30 {
		t.Errorf("got %+v", l)
	}
}
