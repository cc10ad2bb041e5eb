// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"slices"
	"strings"
)

// foreign is the heap half of a process of which only its profiles were heard, from whoever took them: no MemStats, so no
// GC number. A profile whose total rose was published by a GC, at least one; it counts as one, which no signal shows. The
// exact allocation is that of the profile, with its error.
func (s *heapState) foreign(h *Heap) *Heap {
	guess := *h
	if !guess.Allocated.Known {
		guess.Allocated = h.ProfileAlloc
	}
	if !guess.Cycles.Known {
		guess.Cycles = Of(s.cycles)
		if !s.heard || guess.Allocated.Value > s.allocated {
			guess.Cycles.Value++
		}
	}
	return &guess
}

// ofProfiles tells whether a profile alone can bear a signal. How many map sites there are it cannot: it hides most of them,
// and "none" would be a claim by which a gate lets through what it exists to stop.
func ofProfiles(n Name) bool {
	switch n {
	case Sites:
		return false
	case AllocationRate, HeapLive, Window, Windows, Warning, Leak, SlopeWindow, TimeToLimit, TimeToLimitLower, Headroom, HeapShape, Lag:
		return true
	}
	return strings.HasPrefix(n.String(), "map.") || strings.HasPrefix(n.String(), "heap.slope") || strings.HasPrefix(n.String(), "family.")
}

// lowConfidence takes back what was derived from guesses, and says of the rest that it stands on less than usual.
func (r *Report) lowConfidence(at uint64) {
	r.Signals = slices.DeleteFunc(r.Signals, func(s Signal) bool { return !ofProfiles(s.Name) })
	r.Changes = slices.DeleteFunc(r.Changes, func(c Change) bool { return !ofProfiles(c.Name) })
	if slices.ContainsFunc(r.Signals, func(s Signal) bool { return s.Name == MapVerdict }) {
		r.warn(MapVerdict, "low_confidence", at, 0, 0)
	}
}
