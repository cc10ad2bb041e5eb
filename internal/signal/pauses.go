// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

// Pauses that a percentile needs: of fewer, it is the longest one or close to it.
const (
	pausesForP95 = 20
	pausesForP99 = 100
)

// addPauses adds the longest pause and the percentiles of the cycles between the first and the last snapshot. A pause is the
// whole time that the world was stopped in one cycle.
func addPauses(held []snapshot, bounds []float64, at uint64, r *Report) {
	longest := Of(0)
	for _, s := range held[1:] { // the pauses of the first lie before the window
		longest = Number{max(longest.Value, s.pauseMax.Value), longest.Known && s.pauseMax.Known}
	}
	if longest.Known {
		r.add(Signal{Name: PauseMax, At: at, Value: longest.Value})
	}
	from, to := &held[0], &held[len(held)-1]
	if from.pauses == nil || to.pauses == nil {
		return
	}
	n := pauseCount(from, to)
	if n <= 0 {
		return
	}
	for _, p := range [...]struct {
		name  Name
		q     float64
		needs float64
	}{{PauseP50, 0.50, 0}, {PauseP95, 0.95, pausesForP95}, {PauseP99, 0.99, pausesForP99}} {
		v := quantile(p.q, bounds, from.pauses, to.pauses, longest)
		if !v.Known {
			continue
		}
		r.add(Signal{Name: p.name, At: at, Value: v.Value})
		if n < p.needs {
			r.warn(p.name, fewSamples, at, n, p.needs)
		}
	}
	if cycles := to.cycles - from.cycles; n < cycles { // the ring holds 256
		r.warn(PauseP99, lostRecords, at, n, cycles)
	}
}

// pauseCount is how many pauses lie between two snapshots that know them.
func pauseCount(first, last *snapshot) float64 {
	n := 0.0
	for i := range last.pauses {
		n += last.pauses[i] - first.pauses[i]
	}
	return n
}

// quantile of what two cumulative histograms differ by: linear inside a bucket, from 0 in the first, and never above the
// longest value. In the bucket without an upper bound the longest value is the bound, or its lower bound if that is not known.
func quantile(q float64, bounds, first, last []float64, longest Number) Number {
	total := 0.0
	for i := range last {
		total += last[i] - first[i]
	}
	if total <= 0 {
		return Number{}
	}
	rank, below := q*total, 0.0
	for i := range last {
		count := last[i] - first[i]
		if below+count < rank || count == 0 {
			below += count
			continue
		}
		low, high := edges(i, bounds, longest)
		v := low + (high-low)*(rank-below)/count
		if longest.Known {
			v = min(v, longest.Value)
		}
		return Of(v)
	}
	return Number{}
}

// edges of bucket i in seconds.
func edges(i int, bounds []float64, longest Number) (low, high float64) {
	if i > 0 {
		low = bounds[i-1]
	}
	if i < len(bounds) {
		return low, bounds[i]
	}
	if !longest.Known {
		return low, low
	}
	return low, max(low, longest.Value)
}
