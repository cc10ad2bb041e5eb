// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"slices"
)

// Holm corrects the fails of several signals for their number: with k signals each of which might fail by chance, the
// smallest P must be below alpha/k, the next below alpha/(k-1), and so on (Holm, 1979). A fail that does not survive becomes
// inconclusive with the reason multiplicity; nothing becomes better. Signals without a P count as tried. The map given is not changed.
func Holm(results map[string]Result, alpha float64) map[string]Result {
	type one struct {
		name string
		p    float64
	}
	var order []one
	corrected := make(map[string]Result, len(results))
	for name, r := range results {
		corrected[name] = r
		p := 1.0
		if r.P != nil {
			p = *r.P
		}
		order = append(order, one{name, p})
	}
	slices.SortFunc(order, func(a, b one) int { return cmp.Or(cmp.Compare(a.p, b.p), cmp.Compare(a.name, b.name)) })
	survives := true
	for i, o := range order {
		survives = survives && o.p < alpha/float64(len(order)-i)
		if r := corrected[o.name]; r.Outcome == Fail && !survives {
			r.Outcome, r.Reason = Inconclusive, ReasonMultiplicity
			corrected[o.name] = r
		}
	}
	return corrected
}
