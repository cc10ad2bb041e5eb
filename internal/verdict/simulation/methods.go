// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"github.com/heapgate/heapgate/internal/verdict/compare"
)

// answer is what a method says.
type answer int

const (
	allow answer = iota
	block
	neither
)

// Method is one way to decide.
type Method struct {
	Name   string
	Says   string
	decide func(p pair, look compare.Look) answer
}

// Methods are those of the tables. Ours comes last, without and with the overlap check.
func Methods() []Method {
	return []Method{
		{"A1", "Argo Rollouts' default: any point above 1.1 times the baseline's mean fails (failureLimit 0)", pointsAbove(0)},
		{"A2", "the same, failureLimit a quarter of the points", pointsAbove(4)},
		{"A3", "Argo Rollouts, ratio of the means above 1.1", meanRatio},
		{"B1", "Kayenta's defaults: Mann-Whitney at 98 %, tolerance 0.25 of the shift", kayenta(1.0)},
		{"B2", "Kayenta with allowedIncrease 1.10", kayenta(1.10)},
		{"R6x", "R6 without the overlap check (extrapolate)", signal(true)},
		{"R6", "heapgate", signal(false)},
	}
}

func method(name string) Method {
	for _, m := range Methods() {
		if m.Name == name {
			return m
		}
	}
	panic("no method " + name)
}

// signal is the comparison that the gate makes.
func signal(extrapolate bool) func(pair, compare.Look) answer {
	set := compare.Default()
	set.Extrapolate = extrapolate
	return func(p pair, look compare.Look) answer {
		switch compare.Signal(p.baseline, p.candidate, set, look).Outcome {
		case compare.Pass:
			return allow
		case compare.Fail:
			return block
		}
		return neither
	}
}

// averaged is the mean over pods at each time, as a query would give it.
func averaged(pods []compare.Pod) []float64 {
	series := make([]float64, len(pods[0].Points))
	for i := range series {
		for _, pod := range pods {
			series[i] += pod.Points[i].Value / float64(len(pods))
		}
	}
	return series
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// pointsAbove fails if more than 1/part of the candidate's points are above 1.1 times the baseline's mean; part 0: any.
func pointsAbove(part int) func(pair, compare.Look) answer {
	return func(p pair, _ compare.Look) answer {
		bound, above, candidate := 1.1*mean(averaged(p.baseline)), 0, averaged(p.candidate)
		for _, v := range candidate {
			if v > bound {
				above++
			}
		}
		if part == 0 && above > 0 || part > 0 && above > len(candidate)/part {
			return block
		}
		return allow
	}
}

func meanRatio(p pair, _ compare.Look) answer {
	if mean(averaged(p.candidate)) > 1.1*mean(averaged(p.baseline)) {
		return block
	}
	return allow
}
