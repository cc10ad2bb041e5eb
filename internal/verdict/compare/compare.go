// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package compare decides whether a signal of a candidate version is worse than that of a baseline version. It is pure and
// deterministic: no clock, no chance, no map order; the same pods give the same bits. Higher is worse, always. The steps are:
//
//  1. clean (clean.go): each pod loses its warm-up, its gaps are counted, too many of them end the comparison;
//  2. fit (fit.go): log value on version, pod and log load, residuals winsorised at 4 MAD, three rounds;
//  3. overlap (fit.go): the candidate's median load lies within the baseline's 5 to 95 % band, or there is no comparison;
//  4. noise (noise.go): autocorrelation time tau by Geyer's initial positive sequence, batches of at least 3 tau points,
//     4 to 16 of them, the standard error inflated where the window is too short for four;
//  5. pods (pods.go): the variance between pods of one version, shrunk to what is known from before, because pods, not
//     points, are the replicates;
//  6. look (look.go): O'Brien-Fleming's share of alpha for this look of at most six;
//  7. decide (decide.go): fail if the lower end is above the pass margin and the ratio reaches the limit, pass if the upper
//     end is below the limit, else inconclusive with a reason.
//
// Beside it stand Holm (several signals), Leak (slopes over hours), Sites (which function changed) and LearnPrior. The error
// rates are measured by the package simulation and stand in docs/statistics.md.
package compare

import "time"

// Point is one value of one pod.
type Point struct {
	At    int64   // Unix milliseconds
	Value float64 // the signal, above zero; NaN is a gap
	Load  float64 // what the pod had to do at that time (requests, else bytes allocated, else CPU, a second); NaN where there is none
}

// Pod is one replica of a version and what was seen of it in the window.
type Pod struct {
	Name     string
	Born     int64 // Unix milliseconds, 0 if unknown: then no warm-up is dropped
	Expected int   // points the grid has between the start of the window, or the pod's birth, and the end; 0 if unknown
	Points   []Point
}

// Look is which of how many planned looks this is. 1 of 1 is a single look; at most 6.
type Look struct {
	Number int `json:"number"`
	Of     int `json:"of"`
}

// Prior is what is known of pods of one version before the comparison.
type Prior struct {
	SD      float64 `json:"sd"`      // standard deviation of the log level between pods of one version: 0.03 is about 3 %
	Freedom float64 `json:"freedom"` // how many degrees of freedom that knowledge weighs
}

// Settings are the limits of one comparison. Default gives those of the documented error rates.
type Settings struct {
	PassMargin  float64       `json:"pass_margin"`  // ratio: a fail needs the whole interval above it
	Limit       float64       `json:"limit"`        // ratio: a fail needs an estimate at it, a pass the whole interval below it
	Alpha       float64       `json:"alpha"`        // chance of each of the two errors, one-sided
	MinCoverage float64       `json:"min_coverage"` // share of the expected points that must be there
	WarmUp      time.Duration `json:"warm_up_ns"`   // of each pod's life that is left out
	Prior       Prior         `json:"prior"`
	Unadjusted  bool          `json:"unadjusted"`  // the signal does not depend on load (a natural ratio): compare without it
	Extrapolate bool          `json:"extrapolate"` // compare even where the loads do not overlap, and trust the slope
}

// Default returns the settings of docs/statistics.md: 1.02, 1.10, 5 %, 80 %, 5 minutes, pods 3 % apart with 4 degrees of freedom.
func Default() Settings {
	return Settings{PassMargin: 1.02, Limit: 1.10, Alpha: 0.05, MinCoverage: 0.8, WarmUp: 5 * time.Minute, Prior: Prior{SD: 0.03, Freedom: 4}}
}

// Outcome is the word of one comparison.
type Outcome string

// The three outcomes. There is no error: what cannot be compared is inconclusive and has a reason.
const (
	Pass         Outcome = "pass"
	Fail         Outcome = "fail"
	Inconclusive Outcome = "inconclusive"
)

// The reasons why a comparison is inconclusive. A pass and a fail have none ("").
const (
	ReasonNoPods            = "no_pods"             // one side has no pod
	ReasonInsufficientData  = "insufficient_data"   // fewer than min_coverage of the expected points of one side are there
	ReasonNotFinite         = "not_finite"          // an infinite value or load, or nothing but NaN, or a number beyond what a float holds
	ReasonNotPositive       = "not_positive"        // values of zero or below: there is no logarithm and no ratio
	ReasonTooShort          = "too_short"           // fewer than 16 times on one side, or fewer than four batches of 3 tau and an interval across the limits
	ReasonLoadNotComparable = "load_not_comparable" // the candidate's median load is outside of the baseline's 5 to 95 % band
	ReasonUnadjusted        = "unadjusted"          // there is no load to adjust for and the settings do not say that none is needed
	ReasonTooFewPods        = "too_few_pods"        // the interval spans the limits, mostly because of differences between pods
	ReasonTooVariable       = "too_variable"        // the interval spans the limits
	ReasonMultiplicity      = "multiplicity"        // a fail that does not survive Holm's correction over all signals
	ReasonBadSettings       = "bad_settings"        // limits, alpha, prior or look that mean nothing
)

// Result is what came out of one comparison. Numbers that do not exist are nil: nothing in it is NaN or infinite.
type Result struct {
	Outcome         Outcome  `json:"outcome"`
	Reason          string   `json:"reason"`    // one of the Reason codes if the outcome is inconclusive, else ""
	Ratio           *float64 `json:"ratio"`     // candidate over baseline, at equal load if Adjusted
	Lower           *float64 `json:"lower"`     // lower end: one-sided, at this look's share of alpha
	Upper           *float64 `json:"upper"`     // upper end: as Lower
	P               *float64 `json:"p"`         // chance of such a ratio if the truth is the pass margin, times alpha over this look's share: below alpha is significant
	Baseline        *float64 `json:"baseline"`  // geometric level as seen, not adjusted, in the signal's unit
	Candidate       *float64 `json:"candidate"` // geometric level as seen
	PodsBaseline    int      `json:"pods_baseline"`
	PodsCandidate   int      `json:"pods_candidate"`
	PointsBaseline  int      `json:"points_baseline"`
	PointsCandidate int      `json:"points_candidate"`
	Adjusted        bool     `json:"adjusted"` // for load
	Steps           Steps    `json:"steps"`
}

// Steps are the intermediate numbers, in the order in which they arise; zero where the comparison ended before.
type Steps struct {
	Baseline      Side    `json:"baseline"`
	Candidate     Side    `json:"candidate"`
	Slope         float64 `json:"slope"`          // of log value on log load, within pods
	LoadShift     float64 `json:"load_shift"`     // mean log load of the candidate less that of the baseline
	LoadLow       float64 `json:"load_low"`       // 5 % of the baseline's load
	LoadHigh      float64 `json:"load_high"`      // 95 %
	LoadMedian    float64 `json:"load_median"`    // the candidate's
	LogRatio      float64 `json:"log_ratio"`      // the estimate
	Tau           float64 `json:"tau"`            // autocorrelation time of the residuals in points
	NoiseVariance float64 `json:"noise_variance"` // of the estimate, both sides, inflated
	PodSD         float64 `json:"pod_sd"`         // between pods of one version, shrunk to the prior
	PodFreedom    float64 `json:"pod_freedom"`
	PodVariance   float64 `json:"pod_variance"` // of the estimate
	SE            float64 `json:"se"`           // standard error of log_ratio
	Freedom       float64 `json:"freedom"`      // Satterthwaite's
	Level         float64 `json:"level"`        // this look's share of alpha
	Critical      float64 `json:"critical"`     // Student's t at that level
}

// Side is what one version gave.
type Side struct {
	Expected    int     `json:"expected"`     // points
	Present     int     `json:"present"`      // finite ones, before the warm-up is dropped
	WarmUp      int     `json:"warm_up"`      // dropped as warm-up
	NotPositive int     `json:"not_positive"` // zero or below, counted as gaps
	Infinite    int     `json:"infinite"`
	NoLoad      int     `json:"no_load"`    // points whose load is absent, zero or below
	ShortPods   int     `json:"short_pods"` // pods with fewer than 8 usable points, left out
	Winsorised  int     `json:"winsorised"` // points
	Times       int     `json:"times"`      // distinct times with at least one pod
	Batches     int     `json:"batches"`
	Inflation   float64 `json:"inflation"` // of the noise variance for a short window; 1 is none
	Variance    float64 `json:"variance"`  // of the mean of this side's noise, inflated
}
