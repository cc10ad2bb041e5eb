// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import "time"

// evidence is the input of the policies, as policies/schemas/evidence.json describes it.
type evidence struct {
	SchemaVersion int                   `json:"schema_version"`
	Now           string                `json:"now"` // RFC 3339
	Workload      workload              `json:"workload"`
	Window        window                `json:"window"`
	Targets       targetCount           `json:"targets"`
	Signals       map[string]signalFact `json:"signals"`
	MapSites      []mapSite             `json:"map_sites"`
	Tier          string                `json:"tier,omitempty"`
	Comparison    *comparison           `json:"comparison,omitempty"`
	Leak          *leakFact             `json:"leak,omitempty"`
	Exceptions    []map[string]any      `json:"exceptions,omitempty"`
}

// leakFact is the worst target's verdict on a leak over hours.
type leakFact struct {
	State       *string  `json:"state"`
	TimeToLimit *float64 `json:"time_to_limit_seconds"` // lower bound
	Target      string   `json:"target"`
	Reason      *string  `json:"reason"`
}

type window struct {
	Start   string  `json:"start"`
	End     string  `json:"end"`
	Seconds float64 `json:"seconds"`
}

type targetCount struct {
	Seen int `json:"seen"` // had a point in the window
	Up   int `json:"up"`   // and its last one is fresh and says 1
}

// signalFact is the worst reading over the workload's targets. A null value always has a reason, a value never has one.
type signalFact struct {
	Value           *float64 `json:"value"`
	Unit            string   `json:"unit"`
	Samples         int      `json:"samples"`
	ExpectedSamples int      `json:"expected_samples"`
	Coverage        float64  `json:"coverage"`    // of the least covered target
	AgeSeconds      *float64 `json:"age_seconds"` // of the oldest target's newest point
	Target          string   `json:"target"`
	Reason          *string  `json:"reason"`
	Detail          string   `json:"detail"`
}

// The reasons of a null value.
const (
	reasonMissing   = "missing"
	reasonNaN       = "nan"
	reasonStale     = "stale"
	reasonGap       = "gap"
	reasonPartial   = "partial"
	reasonDuplicate = "duplicate"
)

// mapSite is one allocation site of map memory on one target.
type mapSite struct {
	Function      string   `json:"function"`
	File          string   `json:"file"`
	Line          int      `json:"line"`
	Class         string   `json:"class"`
	Target        string   `json:"target"`
	Version       string   `json:"version"`
	Rate          *float64 `json:"rate"` // By/s
	Lower         *float64 `json:"lower"`
	Upper         *float64 `json:"upper"`
	RetainedShare *float64 `json:"retained_share"`
	Windows       int      `json:"windows"`
	Doublings     *float64 `json:"doublings"`
	Samples       int      `json:"samples"`
}

func (g *gatherer) newEvidence() evidence {
	return evidence{
		SchemaVersion: 1,
		Now:           g.now.UTC().Format(time.RFC3339),
		Workload:      g.settings.workload,
		Window: window{
			Start:   g.grid.end.Add(-g.settings.window).UTC().Format(time.RFC3339),
			End:     g.grid.end.UTC().Format(time.RFC3339),
			Seconds: g.settings.window.Seconds(),
		},
		Signals:  map[string]signalFact{},
		MapSites: []mapSite{},

		Tier:       g.settings.tier,
		Exceptions: g.settings.exceptions,
	}
}
