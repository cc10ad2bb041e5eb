// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

// addPauses adds the longest pause and the 99th percentile of the cycles between the first and the last snapshot.
func addPauses(held []snapshot, bounds []float64, at uint64, r *Report) {
	longest := Of(0)
	for _, s := range held[1:] { // the pauses of the first lie before the window
		longest = Number{max(longest.Value, s.pauseMax.Value), longest.Known && s.pauseMax.Known}
	}
	if longest.Known {
		r.add(Signal{Name: PauseMax, At: at, Value: longest.Value})
	}
	first, last := held[0].pauses, held[len(held)-1].pauses
	if first == nil || last == nil {
		return
	}
	if p99 := quantile(0.99, bounds, first, last, longest); p99.Known {
		r.add(Signal{Name: PauseP99, At: at, Value: p99.Value})
	}
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
