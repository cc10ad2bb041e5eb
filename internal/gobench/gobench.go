// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package gobench judges what `go test -bench` measured before and after a change, with the gate's three answers. It is pure and
// deterministic; higher is worse unless a metric says otherwise. One metric of one benchmark is judged so:
//
//  1. too few runs, a value that is no number or negative, or a side that is missing: inconclusive;
//  2. exact: every run of each side says the same, as allocs/op mostly does. The ratio is known and has no interval;
//  3. otherwise Welch's t interval of the difference of the logarithms, read as a ratio of geometric means; with zeros among the
//     values, where there is no logarithm, the interval of the difference of the means over the old mean;
//  4. fail if the lower end is above the pass margin and the ratio reaches the limit, pass if the upper end is below the limit,
//     else inconclusive: the gate's rule (package compare);
//  5. Holm over all judged metrics: a fail that one of so many comparisons may show by chance becomes inconclusive.
//
// Runs of one `-count=N` are taken for independent. They are not, when the machine warms up in between: ns/op is information for
// that reason, and counts are what decides.
package gobench

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/heapgate/heapgate/internal/verdict/compare"
)

// Metric is one number of one benchmark, with a value of each run. A side without values was not measured.
type Metric struct {
	Package, Benchmark string
	Unit               string // as in the output: allocs/op, B/op, ns/op, gc-...
	Old, New           []float64
	HigherIsBetter     bool
	Information        bool // told, and never decides
}

// Settings are the limits. Default gives the gate's.
type Settings struct {
	PassMargin float64 `json:"pass_margin"` // ratio: a fail needs the whole interval above it
	Limit      float64 `json:"limit"`       // ratio: a fail needs an estimate at it, a pass the whole interval below it
	Alpha      float64 `json:"alpha"`       // chance of each error, one-sided
	MinRuns    int     `json:"min_runs"`    // of each side
}

// Default is 1.02, 1.10, 5 % and six runs, below which a t interval is wider than any limit.
func Default() Settings { return Settings{PassMargin: 1.02, Limit: 1.10, Alpha: 0.05, MinRuns: 6} }

// Reasons of an inconclusive result. A pass and a fail have none, but for a fail from zero or to zero.
const (
	ReasonTooFewRuns   = "too_few_runs"
	ReasonMissingInNew = "missing_in_new"
	ReasonNotFinite    = "not_finite"
	ReasonTooVariable  = "too_variable" // the interval spans a limit
	ReasonZero         = "zero"         // one side is always zero: there is no ratio
	ReasonMultiplicity = compare.ReasonMultiplicity
	ReasonNew          = "new" // not there before; information
)

// Result is what is known of one metric. A number that cannot be computed is null.
type Result struct {
	Package     string          `json:"package"`
	Benchmark   string          `json:"benchmark"`
	Unit        string          `json:"unit"`
	Outcome     compare.Outcome `json:"outcome"`
	Reason      string          `json:"reason"`
	Information bool            `json:"information"`
	Higher      bool            `json:"higher_is_better"`
	Exact       bool            `json:"exact"`
	Old         *float64        `json:"old"` // level: geometric mean, or mean with zeros among the values
	New         *float64        `json:"new"`
	Ratio       *float64        `json:"ratio"` // worse above 1
	Lower       *float64        `json:"lower"` // of a one-sided interval at 1-alpha
	Upper       *float64        `json:"upper"`
	P           *float64        `json:"p"` // of a ratio this large, were the truth at the pass margin
	RunsOld     int             `json:"runs_old"`
	RunsNew     int             `json:"runs_new"`
}

// Judge gives a result for each metric: what decides first, the worst of it first.
func Judge(metrics []Metric, set Settings) []Result {
	results := make([]Result, 0, len(metrics))
	tried := map[string]compare.Result{}
	for _, m := range metrics {
		r := one(m, set)
		results = append(results, r)
		if !r.Information {
			tried[r.key()] = compare.Result{Outcome: r.Outcome, Reason: r.Reason, P: r.P}
		}
	}
	for key, c := range compare.Holm(tried, set.Alpha) {
		for i := range results {
			if !results[i].Information && results[i].key() == key && c.Reason == ReasonMultiplicity {
				results[i].Outcome, results[i].Reason = c.Outcome, c.Reason
			}
		}
	}
	slices.SortStableFunc(results, func(a, b Result) int {
		return cmp.Or(order(a.Information)-order(b.Information), severity(b.Outcome)-severity(a.Outcome), cmp.Compare(value(b.Ratio), value(a.Ratio)), cmp.Compare(a.key(), b.key()))
	})
	return results
}

// Outcome is the worst of what decides. Nothing that decides is inconclusive: silence is not a pass.
func Outcome(results []Result) compare.Outcome {
	worst, any := compare.Pass, false
	for _, r := range results {
		if r.Information {
			continue
		}
		if any = true; severity(r.Outcome) > severity(worst) {
			worst = r.Outcome
		}
	}
	if !any {
		return compare.Inconclusive
	}
	return worst
}

func severity(o compare.Outcome) int {
	return map[compare.Outcome]int{compare.Pass: 0, compare.Inconclusive: 1, compare.Fail: 2}[o]
}

func order(information bool) int {
	if information {
		return 1
	}
	return 0
}

func value(x *float64) float64 {
	if x == nil {
		return math.Inf(1) // from zero
	}
	return *x
}

func (r Result) key() string { return r.Package + "\x00" + r.Benchmark + "\x00" + r.Unit }

func one(m Metric, set Settings) Result {
	r := Result{Package: m.Package, Benchmark: m.Benchmark, Unit: m.Unit, Information: m.Information, Higher: m.HigherIsBetter, RunsOld: len(m.Old), RunsNew: len(m.New), Outcome: compare.Inconclusive}
	switch {
	case len(m.Old) == 0:
		r.Reason, r.Information = ReasonNew, true
		if sound(m.New) && len(m.New) > 0 {
			r.New = known(describe(m.New).mean)
		}
		return r
	case len(m.New) == 0:
		r.Reason = ReasonMissingInNew
		if sound(m.Old) {
			r.Old = known(describe(m.Old).mean)
		}
		return r
	case !sound(m.Old) || !sound(m.New):
		r.Reason = ReasonNotFinite
		return r
	}
	before, after := describe(m.Old), describe(m.New)
	logs := before.positive && after.positive
	r.Old, r.New = before.level(logs), after.level(logs)
	if min(len(m.Old), len(m.New)) < max(set.MinRuns, 2) {
		r.Reason = ReasonTooFewRuns
		return r
	}
	switch {
	case before.exact && after.exact && before.mean == after.mean:
		r.Exact = true
		r.decide(1, 0, 1, set)
	case before.mean == 0:
		r.fromZero(after, m.HigherIsBetter, set)
	case before.exact && after.exact && after.mean == 0 && m.HigherIsBetter:
		r.Exact, r.Reason = true, ReasonZero // nothing is left of what should be much
		r.fail()
	case before.exact && after.exact:
		r.Exact = true
		r.decide(direction(after.mean/before.mean, m.HigherIsBetter), 0, 1, set)
	case logs:
		se, freedom := welch(before.logVariance, after.logVariance, len(m.Old), len(m.New))
		shift := after.logMean - before.logMean
		if m.HigherIsBetter {
			shift = -shift
		}
		r.decideLog(shift, se, freedom, set)
	case m.HigherIsBetter:
		r.Reason = ReasonTooVariable // zeros now and then, of what should be much
	default:
		se, freedom := welch(before.variance, after.variance, len(m.Old), len(m.New))
		r.decide(after.mean/before.mean, se/before.mean, freedom, set)
	}
	return r
}

func direction(ratio float64, higherIsBetter bool) float64 {
	if higherIsBetter {
		return 1 / ratio
	}
	return ratio
}

// fromZero is a metric that was always zero.
func (r *Result) fromZero(after sample, higherIsBetter bool, set Settings) {
	switch {
	case higherIsBetter:
		r.Outcome, r.Exact = compare.Pass, true
	case after.least > 0:
		r.Exact, r.Reason = after.exact, ReasonZero
		r.fail()
	default:
		r.Reason = ReasonTooVariable
	}
}

func (r *Result) fail() { r.Outcome, r.P = compare.Fail, known(0) }

// decide is the gate's rule on a ratio and its standard error. se 0 is an exact ratio.
func (r *Result) decide(ratio, se, freedom float64, set Settings) {
	if se == 0 {
		p := 1.0
		if ratio > set.PassMargin {
			p = 0
		}
		r.verdict(ratio, ratio, ratio, p, set)
		return
	}
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: freedom}
	half := t.Quantile(1-set.Alpha) * se
	r.verdict(ratio, ratio-half, ratio+half, t.CDF(-(ratio-set.PassMargin)/se), set)
}

func (r *Result) decideLog(shift, se, freedom float64, set Settings) {
	if se == 0 { // Values that differ by less than their logarithms can show.
		r.decide(math.Exp(shift), 0, freedom, set)
		return
	}
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: freedom}
	half := t.Quantile(1-set.Alpha) * se
	r.verdict(math.Exp(shift), math.Exp(shift-half), math.Exp(shift+half), t.CDF(-(shift-math.Log(set.PassMargin))/se), set)
}

func (r *Result) verdict(ratio, lower, upper, p float64, set Settings) {
	lower = max(lower, 0)
	r.Ratio, r.Lower, r.Upper, r.P = known(ratio), known(lower), known(upper), known(p)
	switch {
	case r.Ratio == nil || r.Lower == nil || r.Upper == nil || r.P == nil:
		r.Outcome, r.Reason = compare.Inconclusive, ReasonNotFinite
	case lower > set.PassMargin && ratio >= set.Limit:
		r.Outcome = compare.Fail
	case upper < set.Limit:
		r.Outcome = compare.Pass
	default:
		r.Outcome, r.Reason = compare.Inconclusive, ReasonTooVariable
	}
}

func known(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
