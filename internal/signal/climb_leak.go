// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package signal

import (
	"fmt"
	"math"
)

const (
	heapLeaks   = "leak"
	heapSteady  = "none"
	leakUnknown = "unknown"
)

// goesOn is which part of the slope the second half of the window must have at least: a step that happened once has none.
const goesOn = 0.25

// leakVerdict is what was said last.
type leakVerdict struct {
	label string
	told  string  // what a change was told to last
	since float64 // seconds: since when it would be a leak, 0 if it would not
}

// confirmLeak in seconds a leak must be judged one. Each look at noise is another chance to be wrong.
const confirmLeak = 10 * 60

// judgeLeak says whether the heap leaks (L9), and why.
func (s *climbState) judgeLeak(peers AgeSlope) (verdict, reason string) {
	f := &s.fit
	switch {
	case !s.warm:
		return leakUnknown, "warm_up"
	case !f.ok || f.window < claimAfter:
		return leakUnknown, "short_window"
	case f.coverage < leastCoverage:
		return leakUnknown, "gap"
	}
	to := s.leastLimit()
	switch {
	case f.lower <= 0 && (f.upper <= 0 || f.reaches(to, f.upper) >= leakWithin):
		return heapSteady, "flat"
	case f.lower <= 0:
		return leakUnknown, "wide_interval"
	case f.reaches(to, f.slope) >= leakWithin:
		return heapSteady, "far_from_limit"
	case f.later < goesOn*f.slope:
		return leakUnknown, "stepped"
	case peers.Upper.Known && finite(peers.Upper.Value):
		if f.slope <= peers.Upper.Value {
			return heapSteady, "usual_at_this_age"
		}
		return heapLeaks, "steeper_than_usual"
	case f.window < aloneAfter:
		return leakUnknown, "no_baseline"
	}
	return heapLeaks, "no_baseline"
}

// leastLimit in bytes; twice of what is alive where none is known.
func (s *climbState) leastLimit() float64 {
	least := math.Inf(1)
	for _, l := range s.limits() {
		if l.bytes.Known {
			least = min(least, l.bytes.Value)
		}
	}
	if math.IsInf(least, 1) {
		return 2 * s.fit.level
	}
	return least
}

// say adds the verdict, and tells of another one.
func (v *leakVerdict) say(s *climbState, o *Observation, at uint64, r *Report) {
	label, reason := s.judgeLeak(o.Peers)
	switch {
	case label != heapLeaks:
		v.since = 0
	case v.since == 0:
		v.since = s.until
	}
	if label == heapLeaks && v.label != heapLeaks && s.until-v.since < confirmLeak {
		label, reason = leakUnknown, "unconfirmed"
	}
	r.add(Signal{Name: Leak, Label: label, Reason: reason, At: at, Value: 1})
	if label == heapLeaks && !s.heapLimit.Known && !s.containerLimit.Known {
		r.warn(Leak, "no_limit", at, 0, 0)
	}
	if label == heapLeaks && !o.Peers.Upper.Known {
		r.warn(Leak, "no_baseline", at, 0, 0)
	}
	v.label = label
	if label == v.told || label == leakUnknown && v.told != heapLeaks {
		return // that nothing is known at first, or any more, is no news
	}
	before := v.told
	if v.told = label; before == "" {
		before = leakUnknown
	}
	r.Changes = append(r.Changes, Change{Name: Leak, From: before, To: label, Reason: reason, Text: s.leakText(label, reason, o.Peers), At: at})
}

func (s *climbState) leakText(label, reason string, peers AgeSlope) string {
	f := &s.fit
	if !f.ok || !s.warm {
		return "nothing can be said of a leak: " + reason
	}
	const mibPerHour = 3600.0 / (1 << 20)
	text := fmt.Sprintf("live heap %s changes by %+.3g MiB/h (%+.3g to %+.3g at 95 %%) over %.1f h", mib(f.level), f.slope*mibPerHour,
		f.lower*mibPerHour, f.upper*mibPerHour, f.window/3600)
	if f.lower > 0 {
		what := "reaches its limit of"
		if !s.heapLimit.Known && !s.containerLimit.Known {
			what = "has no known limit, and doubles to"
		}
		to := s.leastLimit()
		text += fmt.Sprintf(", %s %s in %.1f h (%.1f at the earliest)", what, mib(to), f.reaches(to, f.slope)/3600, f.reaches(to, f.upper)/3600)
	}
	if peers.Upper.Known {
		text += fmt.Sprintf("; usual at this age is up to %+.3g MiB/h", peers.Upper.Value*mibPerHour)
	}
	return text + ": " + label + ", " + reason
}
