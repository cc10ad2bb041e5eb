// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package compare

import "math"

// maxLearned bounds how much history a prior may weigh: a change in how pods differ must stay visible.
const maxLearned = 30

// shrink is the variance between pods of one version, from the pods' levels and the prior, and its degrees of freedom.
// No freedom at all (one pod a side, no prior) is 0, 0.
func (p Prior) shrink(sides ...[]float64) (variance, freedom float64) {
	sum := p.Freedom * p.SD * p.SD
	freedom = p.Freedom
	for _, levels := range sides {
		sum += squares(levels)
		freedom += float64(max(0, len(levels)-1))
	}
	if freedom == 0 {
		return 0, 0
	}
	return sum / freedom, freedom
}

// LearnPrior returns the prior from history: each entry holds the pods of one version in one window, of releases without a
// verdict against them. The default prior is the start, history is added to it, and at most 30 degrees of freedom are
// claimed. Entries with fewer than two usable pods, gaps or nonsense are left out; without any the default comes back.
func LearnPrior(history [][]Pod) Prior {
	set := Default()
	var all [][]float64
	for _, pods := range history {
		tracks, side, reason := clean(pods, set, false)
		if reason != "" || len(tracks) < 2 {
			continue
		}
		adjust := side.NoLoad == 0
		f := newFit(tracks, nil, adjust)
		all = append(all, f.sides[0].levels(f.slope))
	}
	variance, freedom := set.Prior.shrink(all...)
	if math.IsNaN(variance) || math.IsInf(variance, 0) {
		return set.Prior
	}
	return Prior{SD: math.Sqrt(variance), Freedom: min(freedom, maxLearned)}
}
