// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// SiteSample is what one pod's profile says of one allocation site in a window.
type SiteSample struct {
	Pod      string
	Function string
	File     string
	Line     int
	Class    string
	Bytes    float64 // in the window, estimated from the samples
	Variance float64 // of Bytes by sampling, bytes squared
	Seconds  float64 // of the window
}

// SiteSettings bound what is named. DefaultSites gives 3 sigma, 3 %, 512 KiB, 20 sites.
type SiteSettings struct {
	Sigmas float64 `json:"sigmas"` // at least; with many sites more, so that one in twenty comparisons names a site by chance at most
	Prior  Prior   `json:"prior"`  // relative, between pods of one version
	Rate   float64 `json:"rate"`   // bytes between samples: what a pod that has no sample of a site may still have allocated there
	Max    int     `json:"max"`    // sites returned
}

// DefaultSites returns the documented settings.
func DefaultSites() SiteSettings {
	return SiteSettings{Sigmas: 3, Prior: Default().Prior, Rate: 512 << 10, Max: 20}
}

// SiteChange is a site that allocates more or less than it did. Rates are the means over pods, in bytes a second.
type SiteChange struct {
	Function      string  `json:"function"`
	File          string  `json:"file"`
	Line          int     `json:"line"`
	Class         string  `json:"class"`
	Baseline      float64 `json:"baseline"`
	Candidate     float64 `json:"candidate"`
	Difference    float64 `json:"difference"`
	Deviation     float64 `json:"deviation"` // one standard deviation of the difference: sampling and between pods
	Sigmas        float64 `json:"sigmas"`    // difference over deviation
	PodsBaseline  int     `json:"pods_baseline"`
	PodsCandidate int     `json:"pods_candidate"`
}

type siteKey struct {
	function, file, class string
	line                  int
}

// rates are one site's bytes a second and their sampling variance, by pod.
type rates map[string][2]float64

// Sites compares each site's rate and returns those that differ by more than chance, the largest growth first. Sampling
// happens at allocation, so more profiles of one process do not help; more pods do. Samples that are not finite, negative or
// without a window are left out. Pods are those named by any sample of their side.
func Sites(baseline, candidate []SiteSample, set SiteSettings) []SiteChange {
	b, podsB := siteRates(baseline)
	c, podsC := siteRates(candidate)
	if len(podsB) == 0 || len(podsC) == 0 || !(set.Sigmas > 0) {
		return nil
	}
	keys := make([]siteKey, 0, len(b)+len(c))
	for k := range b {
		keys = append(keys, k)
	}
	for k := range c {
		if _, both := b[k]; !both {
			keys = append(keys, k)
		}
	}
	need := max(set.Sigmas, distuv.UnitNormal.Quantile(1-0.05/2/float64(len(keys))))
	var changes []SiteChange
	for _, k := range keys {
		meanB, varB := set.average(b[k], podsB)
		meanC, varC := set.average(c[k], podsC)
		d := SiteChange{Function: k.function, File: k.file, Line: k.line, Class: k.class, Baseline: meanB, Candidate: meanC,
			Difference: meanC - meanB, Deviation: math.Sqrt(varB + varC), PodsBaseline: len(podsB), PodsCandidate: len(podsC)}
		d.Sigmas = d.Difference / d.Deviation
		if math.Abs(d.Sigmas) > need && !math.IsInf(d.Sigmas, 0) {
			changes = append(changes, d)
		}
	}
	slices.SortFunc(changes, func(a, b SiteChange) int {
		return cmp.Or(cmp.Compare(b.Difference, a.Difference), cmp.Compare(a.Function, b.Function), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Class, b.Class))
	})
	return worst(changes, set.Max)
}

// worst keeps the sites that changed most, up or down, in their order.
func worst(changes []SiteChange, most int) []SiteChange {
	if most <= 0 || len(changes) <= most {
		return changes
	}
	sizes := make([]float64, len(changes))
	for i, c := range changes {
		sizes[i] = math.Abs(c.Difference)
	}
	slices.Sort(sizes)
	least, kept := sizes[len(sizes)-most], changes[:0:0]
	for _, c := range changes {
		if math.Abs(c.Difference) >= least && len(kept) < most {
			kept = append(kept, c)
		}
	}
	return kept
}

// siteRates groups samples by site and pod and returns the pods' windows in seconds.
func siteRates(samples []SiteSample) (map[siteKey]rates, map[string]float64) {
	sites, pods := map[siteKey]rates{}, map[string]float64{}
	sorted := slices.Clone(samples)
	slices.SortFunc(sorted, func(a, b SiteSample) int {
		return cmp.Or(cmp.Compare(a.Pod, b.Pod), cmp.Compare(a.Bytes, b.Bytes), cmp.Compare(a.Variance, b.Variance), cmp.Compare(a.Seconds, b.Seconds))
	})
	for _, s := range sorted {
		if !(s.Bytes >= 0) || !(s.Variance >= 0) || !(s.Seconds > 0) || math.IsInf(s.Bytes+s.Variance+s.Seconds, 0) {
			continue
		}
		key := siteKey{s.Function, s.File, s.Class, s.Line}
		if sites[key] == nil {
			sites[key] = rates{}
		}
		have := sites[key][s.Pod]
		sites[key][s.Pod] = [2]float64{have[0] + s.Bytes/s.Seconds, have[1] + s.Variance/s.Seconds/s.Seconds}
		pods[s.Pod] = max(pods[s.Pod], s.Seconds)
	}
	return sites, pods
}

// average is the mean rate over pods and its variance: sampling, plus what pods differ by beyond sampling, shrunk to the prior.
func (set SiteSettings) average(site rates, pods map[string]float64) (middle, variance float64) {
	names := make([]string, 0, len(pods))
	for name := range pods {
		names = append(names, name)
	}
	slices.Sort(names)
	n := float64(len(names))
	var values []float64
	sampling := 0.0
	for _, name := range names {
		r, seen := site[name]
		if !seen { // nothing sampled there is not nothing allocated: one sample's worth is within chance
			sample := set.Rate / pods[name]
			r = [2]float64{0, sample * sample}
		}
		values, sampling = append(values, r[0]), sampling+r[1]
	}
	middle = mean(values)
	free := set.Prior.Freedom + n - 1
	if free <= 0 {
		return middle, sampling / n / n
	}
	prior := set.Prior.SD * middle
	beyond := max(0, squares(values)-sampling*(n-1)/n)
	between := (set.Prior.Freedom*prior*prior + beyond) / free
	return middle, sampling/n/n + between/n
}
