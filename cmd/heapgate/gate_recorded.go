// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
)

// recordedSettings is what a replay has to know of the settings. The store, its credentials and the policies are not in it: a replay
// has the answers and the policies themselves. Durations are as time.Duration writes them.
type recordedSettings struct {
	Workload         workload       `json:"workload"`
	Window           string         `json:"window"`
	Step             string         `json:"step"`
	Wait             string         `json:"wait"`
	Timeout          string         `json:"timeout"`
	MemoryLimit      *float64       `json:"memory_limit"`
	Limits           map[string]any `json:"limits"` // what the user replaced
	Baseline         string         `json:"baseline"`
	BaselineWorkload string         `json:"baseline_workload"`
	Load             string         `json:"load"`
	Looks            int            `json:"looks"`
	WarmUp           *string        `json:"warm_up"`
	History          string         `json:"history"`
	Prior            string         `json:"prior,omitempty"`
	Tier             string         `json:"tier"`

	Exceptions []map[string]any `json:"exceptions"`
}

func (s gateSettings) recorded() recordedSettings {
	r := recordedSettings{
		Workload: s.workload, Window: s.window.String(), Step: s.step.String(), Wait: s.wait.String(), Timeout: s.client.Timeout.String(),
		MemoryLimit: s.memoryLimit, Limits: s.limits,
		Baseline: s.compare.baseline, BaselineWorkload: s.compare.workload, Load: s.compare.load, Looks: s.compare.looks, History: s.compare.history.String(),
		Prior: s.compare.prior,
		Tier:  s.tier, Exceptions: s.exceptions,
	}
	if s.compare.warmUp != nil {
		text := s.compare.warmUp.String()
		r.WarmUp = &text
	}
	return r
}

// settings makes of a record what lookOnce needs; a record can come from anyone.
func (r recordedSettings) settings() (gateSettings, error) {
	s := gateSettings{workload: r.Workload, memoryLimit: r.MemoryLimit, limits: r.Limits, output: "text", tier: r.Tier, exceptions: r.Exceptions}
	s.compare = compareSettings{baseline: r.Baseline, workload: r.BaselineWorkload, load: r.Load, looks: r.Looks, prior: r.Prior}
	s.client = promapi.Settings{}
	if r.Prior != "" && !slices.Contains(priors, r.Prior) {
		return s, fmt.Errorf("recorded settings: prior must be one of %s (got %q)", strings.Join(priors, ", "), r.Prior)
	}
	for _, one := range []struct {
		name, text string
		to         *time.Duration
		least      time.Duration
	}{
		{"window", r.Window, &s.window, time.Second}, {"step", r.Step, &s.step, time.Second}, {"wait", r.Wait, &s.wait, 0},
		{"timeout", r.Timeout, &s.client.Timeout, time.Second}, {"history", r.History, &s.compare.history, 0},
	} {
		d, err := time.ParseDuration(one.text)
		if err != nil || d < one.least {
			return s, fmt.Errorf("recorded settings: %s must be a duration of at least %s (got %q)", one.name, one.least, one.text)
		}
		*one.to = d
	}
	if r.WarmUp != nil {
		d, err := time.ParseDuration(*r.WarmUp)
		if err != nil || d < 0 {
			return s, fmt.Errorf("recorded settings: warm_up must be a duration (got %q)", *r.WarmUp)
		}
		s.compare.warmUp = &d
	}
	if s.window < s.step || s.window/s.step > maxSteps {
		return s, fmt.Errorf("recorded settings: window must be 1 to %d steps (got %s and %s)", maxSteps, s.window, s.step)
	}
	return s, nil
}
