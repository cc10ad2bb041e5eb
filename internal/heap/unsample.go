// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package heap

import "math"

// Totals are unsampled sums; Samples is the raw number of sampled allocations behind them.
type Totals struct {
	AllocBytes, AllocObjects int64
	InuseBytes, InuseObjects int64
	Samples                  int64
}

// add reports whether the sums still fit. The terms are never negative.
func (t *Totals) add(o Totals) bool {
	sum := func(a *int64, b int64) bool {
		*a += b
		return *a >= 0
	}
	return sum(&t.AllocBytes, o.AllocBytes) && sum(&t.AllocObjects, o.AllocObjects) &&
		sum(&t.InuseBytes, o.InuseBytes) && sum(&t.InuseObjects, o.InuseObjects) && sum(&t.Samples, o.Samples)
}

// missed is the probability that a block of this size is not sampled: exp(-size/rate).
func missed(objects, bytes, rate int64) float64 {
	return math.Exp(-float64(bytes) / float64(objects) / float64(rate))
}

// unsample scales the sampled objects and bytes of one bucket to what was there, as google/pprof's scaleHeapSample does
// (float64 products truncated to int64), so that totals are equal to the last byte. ok is false where the result is not
// an int64; google/pprof does not look.
func unsample(objects, bytes, rate int64) (int64, int64, bool) {
	if objects == 0 || bytes == 0 {
		return 0, 0, true
	}
	if rate <= 1 {
		return objects, bytes, true
	}
	return scaled(objects, bytes, missed(objects, bytes, rate))
}

// scaled is unsample where missed is known.
func scaled(objects, bytes int64, missed float64) (int64, int64, bool) {
	scale := 1 / (1 - missed)
	o, b := float64(objects)*scale, float64(bytes)*scale
	if !(o < math.MaxInt64 && b < math.MaxInt64) { // also when scale is infinite
		return 0, 0, false
	}
	return int64(o), int64(b), true
}

// variance is that of the unsampled bytes of a bucket with n sampled blocks (Horvitz-Thompson): n*s*s*(1-p)/(p*p).
func variance(objects, bytes, rate int64) float64 {
	if objects == 0 || bytes == 0 || rate <= 1 {
		return 0
	}
	return varianceOf(objects, bytes, missed(objects, bytes, rate))
}

// varianceOf is variance where missed, 1-p, is known.
func varianceOf(objects, bytes int64, missed float64) float64 {
	size := float64(bytes) / float64(objects)
	return float64(objects) * size * size * missed / ((1 - missed) * (1 - missed))
}
