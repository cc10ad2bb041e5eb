// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package compare

const (
	minBatches = 4
	maxBatches = 16
	batchTaus  = 3 // a batch of fewer autocorrelation times is not independent of its neighbour
)

// over sums a value of every point by time, over the pods of one side.
func (s *fitSide) over(numbers [][]int, times int, value func(pod, point int) float64) []float64 {
	series := make([]float64, times)
	for p := range s.tracks {
		for j, k := range numbers[p] {
			series[k] += value(p, j)
		}
	}
	return series
}

// scores is what each time adds to the error of the log ratio: its share of the side's mean, and, through the slope, of the
// adjustment for load.
func (f *fit) scores(side int, numbers [][]int, times int) []float64 {
	s, sign := &f.sides[side], float64(2*side-1)
	return s.over(numbers, times, func(p, j int) float64 {
		weight := sign / float64(len(s.tracks)) / float64(len(s.rest[p]))
		if f.sxx > 0 {
			weight -= f.shift * (s.tracks[p].x[j] - s.meanX[p]) / f.sxx
		}
		return weight * s.rest[p][j]
	})
}

// tau is the integrated autocorrelation time, in points, of series that share one law: Geyer's initial positive sequence
// (Practical Markov chain Monte Carlo, 1992, section 3.3) over their pooled autocovariances. At least 1.
func tau(series ...[]float64) float64 {
	var centred [][]float64
	longest := 0
	for _, s := range series {
		m, c := mean(s), make([]float64, len(s))
		for i, v := range s {
			c[i] = v - m
		}
		centred, longest = append(centred, c), max(longest, len(s))
	}
	zero := autocovariance(centred, 0)
	if !(zero > 0) {
		return 1
	}
	sum := 0.0
	for k := 0; k+1 < longest; k += 2 {
		pair := autocovariance(centred, k) + autocovariance(centred, k+1)
		if pair <= 0 {
			break
		}
		sum += pair
	}
	return max(1, 2*sum/zero-1)
}

// autocovariance is summed, not divided: only quotients of it are used.
func autocovariance(centred [][]float64, lag int) float64 {
	sum := 0.0
	for _, c := range centred {
		for i := lag; i < len(c); i++ {
			sum += c[i] * c[i-lag]
		}
	}
	return sum
}

// batched is the variance of the sum of a series by means of batches, how many there were, and by how much the variance was
// inflated because four batches of 3 tau do not fit.
func batched(series []float64, tau float64) (variance float64, batches int, inflation float64) {
	fit := float64(len(series)) / (batchTaus * tau)
	batches = min(max(int(fit), minBatches), maxBatches)
	sums := make([]float64, batches)
	for b := range sums {
		for _, v := range series[b*len(series)/batches : (b+1)*len(series)/batches] {
			sums[b] += v
		}
	}
	inflation = max(1, minBatches/fit)
	return inflation * float64(batches) * sampleVariance(sums), batches, inflation
}

func sampleVariance(values []float64) float64 {
	if len(values) < 2 {
		return 0
	}
	return squares(values) / float64(len(values)-1)
}

// squares is the sum of the squared differences from the mean.
func squares(values []float64) float64 {
	m, sum := mean(values), 0.0
	for _, v := range values {
		sum += (v - m) * (v - m)
	}
	return sum
}
