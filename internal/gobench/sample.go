// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package gobench

import "math"

// sample is one side of a metric, described.
type sample struct {
	exact, positive      bool // every run says the same; none says zero
	mean, variance       float64
	logMean, logVariance float64 // of the logarithms, if positive
	least                float64
}

func describe(values []float64) sample {
	s := sample{exact: true, positive: true, least: math.Inf(1)}
	logs := make([]float64, len(values))
	for i, v := range values {
		s.exact = s.exact && v == values[0]
		s.positive = s.positive && v > 0
		s.least = min(s.least, v)
		logs[i] = math.Log(v)
	}
	if s.mean, s.variance = moments(values); s.exact {
		s.mean, s.variance = values[0], 0
	}
	if s.positive {
		if s.logMean, s.logVariance = moments(logs); s.exact {
			s.logMean, s.logVariance = logs[0], 0
		}
	}
	return s
}

// level is what people are shown.
func (s sample) level(logs bool) *float64 {
	if logs && !s.exact {
		return known(math.Exp(s.logMean))
	}
	return known(s.mean)
}

// moments are the mean and the unbiased variance, in two passes.
func moments(values []float64) (mean, variance float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		variance += (v - mean) * (v - mean) / float64(max(1, len(values)-1))
	}
	return mean, variance
}

// welch is the standard error of a difference of two means and its degrees of freedom (Welch, 1947, with Satterthwaite's formula).
func welch(variance1, variance2 float64, n1, n2 int) (se, freedom float64) {
	a, b := variance1/float64(n1), variance2/float64(n2)
	if a+b == 0 {
		return 0, 1
	}
	// Shares, not squares of variances: those may underflow.
	share := a / (a + b)
	return math.Sqrt(a + b), 1 / (share*share/float64(n1-1) + (1-share)*(1-share)/float64(n2-1))
}

// sound tells whether every value is a count or a measure: finite, not negative, and small enough to be squared.
func sound(values []float64) bool {
	for _, v := range values {
		if !(v >= 0 && v <= 1e150) || v > 0 && v < 1e-150 {
			return false
		}
	}
	return true
}
