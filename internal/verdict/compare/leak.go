// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// LeakSettings are the limits of Leak. DefaultLeak gives those of the documented error rates.
type LeakSettings struct {
	WarmUp      time.Duration `json:"warm_up_ns"`   // of each pod's life that is left out
	MinSpan     time.Duration `json:"min_span_ns"`  // after the warm-up; less makes no claim
	Horizon     time.Duration `json:"horizon_ns"`   // a leak reaches the limit sooner than that
	Alpha       float64       `json:"alpha"`        // one-sided, shared between the pods
	MinCoverage float64       `json:"min_coverage"` // share of the expected points that must be there
	MinBatches  float64       `json:"min_batches"`  // of 3 autocorrelation times each that must fit; six are made
}

// DefaultLeak returns 30 minutes, 2 hours, 24 hours, 5 %, 80 % and 3 batches.
func DefaultLeak() LeakSettings {
	return LeakSettings{WarmUp: 30 * time.Minute, MinSpan: 2 * time.Hour, Horizon: 24 * time.Hour, Alpha: 0.05, MinCoverage: 0.8, MinBatches: 3}
}

// LeakState is the word of Leak.
type LeakState string

// The three states.
const (
	LeakFound   LeakState = "leak"
	LeakNone    LeakState = "none"
	LeakUnknown LeakState = "unknown"
)

// The reasons of an unknown leak beside those of a comparison (no_pods, insufficient_data, not_finite, not_positive,
// too_short, too_variable, bad_settings).
const (
	ReasonNoLimit    = "no_limit"           // the limit is not a positive number
	ReasonNoBaseline = "no_baseline_at_age" // it grows, and no pod of the baseline was seen at that age to compare with
)

// LeakResult is what came out. Numbers that do not exist are nil.
type LeakResult struct {
	State       LeakState `json:"state"`
	Reason      string    `json:"reason"`                // why unknown, else ""
	Target      string    `json:"target"`                // the pod that decided: the worst
	TimeToLimit *float64  `json:"time_to_limit_seconds"` // lower bound for Target, from the end of its points, by the slope's upper bound; nil unless it is a leak or grows without a baseline
	Expected    *float64  `json:"expected_seconds"`      // the same by the slope itself
	Pods        []LeakPod `json:"pods"`                  // by name
}

// LeakPod is one pod of the candidate.
type LeakPod struct {
	Pod      string    `json:"pod"`
	State    LeakState `json:"state"`
	Reason   string    `json:"reason"`
	Level    float64   `json:"level"`    // at the end of its points by the fitted line, in the signal's unit
	Slope    float64   `json:"slope"`    // unit a second
	Lower    float64   `json:"lower"`    // of the slope, one-sided
	Upper    float64   `json:"upper"`    // of the slope, one-sided
	Baseline float64   `json:"baseline"` // slope of the baseline's pods at the same age; 0 without one
	Excess   float64   `json:"excess"`   // lower bound of the slope less the baseline's; 0 without one
	Batches  int       `json:"batches"`
	Tau      float64   `json:"tau"` // points
	Span     float64   `json:"span_seconds"`

	soonest, expected float64
}

// Leak is rule L9: a pod of the candidate leaks if, after its warm-up and over at least two hours and six batches, the lower
// bound of its slope is above zero, the fitted line reaches the limit within 24 hours, and it is steeper, again by the lower
// bound, than the baseline's pods at the same age. Values and limit are in one unit, bytes as a rule. A pod whose birth is
// unknown is taken to be born with its first point.
func Leak(baseline, candidate []Pod, limit float64, set LeakSettings) LeakResult {
	result := LeakResult{State: LeakUnknown, Pods: []LeakPod{}}
	switch {
	case !set.valid():
		result.Reason = ReasonBadSettings
	case !(limit > 0) || math.IsInf(limit, 0):
		result.Reason = ReasonNoLimit
	case len(candidate) == 0:
		result.Reason = ReasonNoPods
	default:
		alpha := set.Alpha / float64(len(candidate))
		for _, pod := range sortedPods(candidate) {
			result.Pods = append(result.Pods, leakOf(pod, sortedPods(baseline), limit, alpha, set))
		}
		result.sum()
	}
	return result
}

func (s LeakSettings) valid() bool {
	return s.WarmUp >= 0 && s.MinSpan > 0 && s.Horizon > 0 && s.Alpha > 0 && s.Alpha < 0.5 && s.MinCoverage > 0 && s.MinCoverage <= 1 && s.MinBatches >= 1
}

func sortedPods(pods []Pod) []Pod {
	sorted := slices.Clone(pods)
	slices.SortStableFunc(sorted, func(a, b Pod) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Born, b.Born)) })
	return sorted
}

// sum takes the worst pod: a leak, the one that ends soonest; else an unknown one; else none.
func (r *LeakResult) sum() {
	worst := r.Pods[0]
	for _, p := range r.Pods[1:] {
		if rank(p.State) > rank(worst.State) || p.State == worst.State && p.soonest < worst.soonest {
			worst = p
		}
	}
	r.State, r.Reason, r.Target = worst.State, worst.Reason, worst.Pod
	if worst.soonest < math.MaxFloat64 {
		r.TimeToLimit, r.Expected = number(worst.soonest), number(worst.expected)
	}
}

func rank(s LeakState) int { return slices.Index([]LeakState{LeakNone, LeakUnknown, LeakFound}, s) }

func leakOf(pod Pod, baseline []Pod, limit, alpha float64, set LeakSettings) LeakPod {
	l := LeakPod{Pod: pod.Name, State: LeakUnknown, soonest: math.MaxFloat64}
	line, from, to, reason := ageLine(pod, set, math.Inf(-1), math.Inf(1))
	l.Batches, l.Tau, l.Span = line.batches, line.tau, line.span
	switch {
	case reason != "":
		l.Reason = reason
		return l
	case line.span < set.MinSpan.Seconds():
		l.Reason = ReasonTooShort
		return l
	case line.fit < set.MinBatches:
		l.Reason = ReasonTooVariable
		return l
	}
	reach := distuv.StudentsT{Sigma: 1, Nu: float64(line.batches - 2)}.Quantile(1-alpha) * line.se
	l.Level, l.Slope, l.Lower, l.Upper = line.end, line.slope, line.slope-reach, line.slope+reach
	l.State = LeakNone
	left := max(0, limit-l.Level)
	// Strictly: a flat line at the limit is no leak, it is a matter of the absolute limit.
	if !(l.Lower > 0) || left/l.Slope >= set.Horizon.Seconds() {
		return l
	}
	l.soonest, l.expected = left/l.Upper, left/l.Slope
	other, variance, free := baselineSlope(baseline, set, from, to)
	if free == 0 {
		l.State, l.Reason = LeakUnknown, ReasonNoBaseline
		return l
	}
	both := line.se*line.se + variance
	df := satterthwaite(both, [3]float64{line.se * line.se, variance}, [3]float64{float64(line.batches - 2), free, 1})
	l.Baseline = other
	l.Excess = line.slope - other - distuv.StudentsT{Sigma: 1, Nu: df}.Quantile(1-alpha)*math.Sqrt(both)
	if l.Excess > 0 {
		l.State = LeakFound
	} else {
		l.soonest = math.MaxFloat64
	}
	return l
}

// baselineSlope is the mean slope of the baseline's pods between two ages, its variance and degrees of freedom (0: no pod).
func baselineSlope(pods []Pod, set LeakSettings, from, to float64) (slope, variance, free float64) {
	n := 0.0
	for _, pod := range pods {
		line, _, _, reason := ageLine(pod, set, from, to)
		if reason != "" || line.fit < 2 || line.span < (to-from)/2 {
			continue
		}
		n++
		slope, variance, free = slope+line.slope, variance+line.se*line.se, free+float64(line.batches-2)
	}
	if n == 0 {
		return 0, 0, 0
	}
	return slope / n, variance / n / n, free
}
