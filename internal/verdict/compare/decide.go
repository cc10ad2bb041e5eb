// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Signal compares the candidate's pods with the baseline's. Values are positive and higher is worse; a caller turns a signal
// for which lower is worse round before. It never fails: what cannot be compared is inconclusive, with a reason.
func Signal(baseline, candidate []Pod, set Settings, look Look) Result {
	result := Result{Outcome: Inconclusive}
	if !set.valid() || !look.valid() {
		result.Reason = ReasonBadSettings
		return result
	}
	adjust, reason := !set.Unadjusted, ""
	b, c, short := cleanBoth(baseline, candidate, set, adjust, &result)
	if adjust && short == "" && (lacksLoad(result.Steps.Baseline, set) || lacksLoad(result.Steps.Candidate, set)) {
		adjust, reason = false, ReasonUnadjusted
		b, c, short = cleanBoth(baseline, candidate, set, adjust, &result)
	}
	if short != "" {
		result.Reason = short
		return result
	}
	if result.Adjusted = adjust; adjust && !overlap(b, c, &result.Steps) && !set.Extrapolate {
		reason = ReasonLoadNotComparable
	}
	f := newFit(b, c, adjust)
	numbers := [2][][]int{}
	numbers[0], result.Steps.Baseline.Times = grid(b)
	numbers[1], result.Steps.Candidate.Times = grid(c)
	if result.Steps.Baseline.Times < minTimes || result.Steps.Candidate.Times < minTimes {
		result.Reason = ReasonTooShort
		return result
	}
	result.Steps.measure(&f, numbers, set, look)
	result.decide(&f, set, reason)
	return result
}

func (s Settings) valid() bool {
	return s.PassMargin > 0 && s.Limit >= s.PassMargin && s.Limit <= math.MaxFloat64 && s.Alpha > 0 && s.Alpha < 0.5 &&
		s.MinCoverage > 0 && s.MinCoverage <= 1 && s.WarmUp >= 0 && s.Prior.SD >= 0 && s.Prior.SD < 100 && s.Prior.Freedom >= 0 && s.Prior.Freedom < 1e6
}

func cleanBoth(baseline, candidate []Pod, set Settings, load bool, result *Result) (b, c []track, short string) {
	b, sideB, shortB := clean(baseline, set, load)
	c, sideC, shortC := clean(candidate, set, load)
	result.Steps.Baseline, result.Steps.Candidate = sideB, sideC
	result.PodsBaseline, result.PodsCandidate = len(b), len(c)
	result.PointsBaseline, result.PointsCandidate = count(b), count(c)
	switch {
	case shortB != "":
		short = shortB
	case shortC != "":
		short = shortC
	case (len(b) == 0 || len(c) == 0) && !(load && (lacksLoad(sideB, set) || lacksLoad(sideC, set))):
		short = ReasonTooShort
	}
	return b, c, short
}

func lacksLoad(side Side, set Settings) bool {
	return float64(side.NoLoad) > (1-set.MinCoverage)*float64(side.Present-side.WarmUp)
}

// measure fills in the variances of the estimate and the interval's width.
func (s *Steps) measure(f *fit, numbers [2][][]int, set Settings, look Look) {
	s.Slope, s.LoadShift, s.LogRatio = f.slope, f.shift, f.logRatio
	sides := [2]*Side{&s.Baseline, &s.Candidate}
	var noise [2][]float64
	for i, side := range sides {
		fitted := &f.sides[i]
		noise[i] = fitted.over(numbers[i], side.Times, func(p, j int) float64 { return fitted.rest[p][j] })
		side.Winsorised = fitted.winsorised
	}
	s.Tau = tau(noise[0], noise[1])
	free := 0.0
	for i, side := range sides {
		side.Variance, side.Batches, side.Inflation = batched(f.scores(i, numbers[i], side.Times), s.Tau)
		free += float64(side.Batches - 1)
	}
	if f.sxx > 0 { // the slope has used up one degree of freedom
		s.Baseline.Variance *= free / (free - 1)
		s.Candidate.Variance *= free / (free - 1)
	}
	s.NoiseVariance = s.Baseline.Variance + s.Candidate.Variance
	between, podFree := set.Prior.shrink(f.sides[0].levels(f.slope), f.sides[1].levels(f.slope))
	s.PodSD, s.PodFreedom = math.Sqrt(between), podFree
	s.PodVariance = between * (1/float64(len(f.sides[0].tracks)) + 1/float64(len(f.sides[1].tracks)))
	variance := s.NoiseVariance + s.PodVariance
	s.SE = math.Sqrt(variance)
	s.Freedom = satterthwaite(variance, [3]float64{s.Baseline.Variance, s.Candidate.Variance, s.PodVariance},
		[3]float64{float64(s.Baseline.Batches - 1), float64(s.Candidate.Batches - 1), podFree})
	s.Level = look.share(set.Alpha)
	s.Critical = distuv.StudentsT{Sigma: 1, Nu: s.Freedom}.Quantile(1 - s.Level)
}

// satterthwaite is the degrees of freedom of a sum of variances.
func satterthwaite(variance float64, parts, free [3]float64) float64 {
	sum := 0.0
	for i, part := range parts {
		if part > 0 {
			sum += (part / variance) * (part / variance) / free[i]
		}
	}
	if !(sum > 0) {
		return 1 // nothing varies
	}
	return max(1, 1/sum)
}

// decide turns the interval into an outcome. A reason given wins: the numbers are shown and nothing rests on them.
func (r *Result) decide(f *fit, set Settings, reason string) {
	s := &r.Steps
	pass, limit := math.Log(set.PassMargin), math.Log(set.Limit)
	low, high := s.LogRatio-s.Critical*s.SE, s.LogRatio+s.Critical*s.SE
	chance := 1.0
	if s.SE > 0 {
		chance = distuv.StudentsT{Sigma: 1, Nu: s.Freedom}.Survival((s.LogRatio - pass) / s.SE)
	} else if s.LogRatio > pass {
		chance = 0
	}
	r.Ratio, r.Lower, r.Upper = number(math.Exp(s.LogRatio)), number(math.Exp(low)), number(math.Exp(high))
	r.P = number(min(1, chance*set.Alpha/s.Level))
	r.Baseline, r.Candidate = number(math.Exp(mean(f.sides[0].meanY))), number(math.Exp(mean(f.sides[1].meanY)))
	switch {
	case r.Ratio == nil || r.Lower == nil || r.Upper == nil || r.P == nil || r.Baseline == nil || r.Candidate == nil || !s.finite():
		*r = Result{Outcome: Inconclusive, Reason: ReasonNotFinite, PodsBaseline: r.PodsBaseline, PodsCandidate: r.PodsCandidate, PointsBaseline: r.PointsBaseline, PointsCandidate: r.PointsCandidate}
	case reason != "":
		r.Reason = reason
	case s.PodFreedom == 0:
		r.Reason = ReasonTooFewPods
	case low > pass && s.LogRatio >= limit:
		r.Outcome = Fail
	case high < limit:
		r.Outcome = Pass
	case max(s.Baseline.Inflation, s.Candidate.Inflation) > 1 && s.NoiseVariance >= s.PodVariance:
		r.Reason = ReasonTooShort
	case s.PodVariance > s.NoiseVariance:
		r.Reason = ReasonTooFewPods
	default:
		r.Reason = ReasonTooVariable
	}
}

func (s *Steps) finite() bool {
	for _, v := range []float64{s.Slope, s.LoadShift, s.LoadLow, s.LoadHigh, s.LoadMedian, s.LogRatio, s.Tau, s.NoiseVariance, s.PodSD,
		s.PodFreedom, s.PodVariance, s.SE, s.Freedom, s.Level, s.Critical, s.Baseline.Variance, s.Candidate.Variance, s.Baseline.Inflation, s.Candidate.Inflation} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// number is a pointer to v, nil if v is not finite.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
