// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/heapgate/heapgate/internal/verdict/compare"
)

// comparison is the candidate against its baseline, as policies/schemas/evidence.json describes it.
type comparison struct {
	Baseline baseline            `json:"baseline"`
	Look     comparisonLook      `json:"look"`
	Signals  map[string]compared `json:"signals"`
	Sites    []changedSite       `json:"sites"` // worst first
}

// baseline says what the candidate was compared with, or in Reason why with nothing, or why not with something better.
type baseline struct {
	Kind        string  `json:"kind"`
	Reason      *string `json:"reason"`
	Workload    string  `json:"-"`
	Version     string  `json:"version"`
	ImageDigest string  `json:"image_digest"`
	Targets     int     `json:"targets"`
	Start       *string `json:"start"` // RFC 3339
	End         *string `json:"end"`
}

type comparisonLook struct {
	Number int  `json:"number"`
	Of     int  `json:"of"`
	Final  bool `json:"final"`
}

// compared is one signal: a ratio of levels, higher is worse. What does not exist is null.
type compared struct {
	Outcome         string   `json:"outcome"`
	Reason          *string  `json:"reason"`
	Ratio           *float64 `json:"ratio"`
	Lower           *float64 `json:"lower"`
	Upper           *float64 `json:"upper"`
	Limit           *float64 `json:"limit"`
	PassMargin      *float64 `json:"pass_margin"`
	Baseline        *float64 `json:"baseline"`
	Candidate       *float64 `json:"candidate"`
	Unit            string   `json:"unit"`
	PodsBaseline    int      `json:"pods_baseline"`
	PodsCandidate   int      `json:"pods_candidate"`
	PointsBaseline  int      `json:"points_baseline"`
	PointsCandidate int      `json:"points_candidate"`
	Adjusted        bool     `json:"adjusted"`
}

// changedSite is an allocation site whose rate changed by more than chance; By/s and pod.
type changedSite struct {
	Function   string  `json:"function"`
	File       string  `json:"file"`
	Line       int     `json:"line"`
	Class      string  `json:"class"`
	Baseline   float64 `json:"baseline"`
	Candidate  float64 `json:"candidate"`
	Difference float64 `json:"difference"`
	Deviation  float64 `json:"deviation"` // standard deviation of the difference
	Sigmas     float64 `json:"sigmas"`
}

// Reasons of an inconclusive signal beside those of the package compare.
const (
	reasonBetweenLooks = "between_looks"
	reasonNotSeen      = "not_seen" // neither side has the signal
)

// pending tells whether a pass still waits for a planned look at the comparison.
func (r report) pending() bool {
	if r.evidence == nil || r.evidence.Comparison == nil || r.moment.final() {
		return false
	}
	c := r.evidence.Comparison
	if c.Baseline.Kind == baselineNone {
		return false
	}
	for _, s := range c.Signals {
		if s.Outcome == string(compare.Inconclusive) && s.curable() {
			return true
		}
	}
	return false
}

// curable tells whether more of the same evidence can change the outcome.
func (c compared) curable() bool {
	return c.Reason == nil || !slices.Contains([]string{compare.ReasonUnadjusted, compare.ReasonBadSettings, reasonNotSeen}, *c.Reason)
}

// standing is the state of the comparison in a few words, for the progress line.
func (r report) standing() string {
	if r.moment.Early {
		return "done"
	}
	var open []string
	for _, name := range comparedNames {
		if s, ok := r.evidence.Comparison.Signals[name]; ok && s.Outcome == string(compare.Inconclusive) && s.curable() {
			text := name
			if s.Ratio != nil {
				text += fmt.Sprintf(" x%.2f", *s.Ratio)
			}
			open = append(open, text)
		}
	}
	return "leaves open " + strings.Join(open, ", ")
}
