// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"
)

// BaselineConfig says what is learned of each workload, and how far from it a signal must be to be called unusual.
type BaselineConfig struct {
	// Enabled learns and judges. Without it no heapgate.signal.baseline.* is sent, and leaks are judged without what is usual at an age.
	Enabled bool `mapstructure:"enabled"`
	// Storage is the storage extension in which baselines outlive a restart. Without one they are in memory only.
	Storage *component.ID `mapstructure:"storage"`
	// SaveInterval is how often what has changed is written to the storage. A workload changes once an hour.
	SaveInterval time.Duration `mapstructure:"save_interval"`
	// MaxWorkloads that are remembered, about 45 kB each. A new one takes the place of one that is silent for a week, or that was
	// heard for less than a day and is silent for an hour; otherwise it is judged by absolute limits only.
	MaxWorkloads int `mapstructure:"max_workloads"`
	// MaxTargets whose state of alarm and age are remembered; of more, the one that is silent for longest is forgotten.
	MaxTargets int `mapstructure:"max_targets"`
	// Weeks that an hour of the week is remembered for.
	Weeks int `mapstructure:"weeks"`
	// MinSamples is how many weeks an hour of the week must have been heard in before it stands for itself.
	MinSamples int `mapstructure:"min_samples"`
	// WarmUp is the age under which a process neither teaches nor is judged.
	WarmUp time.Duration `mapstructure:"warm_up"`
	// RaiseAfter is how long a signal must be too far above what is usual before it is called unusual. Signals are of a window:
	// by less than that, a single bad minute would count.
	RaiseAfter time.Duration `mapstructure:"raise_after"`
	// ClearAfter is how long it must then be below three quarters of that before it is usual again.
	ClearAfter time.Duration `mapstructure:"clear_after"`
	// Tiers are thresholds in robust standard deviations by the resource attribute heapgate.tier; 0 switches the judgement off.
	Tiers map[string]float64 `mapstructure:"tiers"`
	// DefaultTier is the tier of a resource that names none, or none of those.
	DefaultTier string `mapstructure:"default_tier"`
}

// maxWeeks bounds the memory of a workload.
const maxWeeks = 8

func defaultBaselineConfig() BaselineConfig {
	return BaselineConfig{
		Enabled:      true,
		SaveInterval: 10 * time.Minute,
		MaxWorkloads: 2000,
		MaxTargets:   20_000,
		Weeks:        6,
		MinSamples:   3,
		WarmUp:       15 * time.Minute,
		RaiseAfter:   10 * time.Minute,
		ClearAfter:   15 * time.Minute,
		Tiers:        map[string]float64{"critical": 4, "standard": 6, "batch": 10, "off": 0},
		DefaultTier:  "standard",
	}
}

// Validate joins every error.
func (c *BaselineConfig) Validate() error {
	if !c.Enabled {
		return nil
	}
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.SaveInterval < time.Second {
		wrong("save_interval must be at least 1s (got %v)", c.SaveInterval)
	}
	if c.MaxWorkloads < 1 {
		wrong("max_workloads must be at least 1 (got %d)", c.MaxWorkloads)
	}
	if c.MaxTargets < 1 {
		wrong("max_targets must be at least 1 (got %d)", c.MaxTargets)
	}
	if c.Weeks < 2 || c.Weeks > maxWeeks {
		wrong("weeks must be from 2 to %d (got %d)", maxWeeks, c.Weeks)
	}
	if c.MinSamples < 2 || c.MinSamples > c.Weeks {
		wrong("min_samples must be from 2 to weeks, %d (got %d)", c.Weeks, c.MinSamples)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"warm_up", c.WarmUp}, {"raise_after", c.RaiseAfter}, {"clear_after", c.ClearAfter}} {
		if d.value < 0 {
			wrong("%s must not be negative (got %v)", d.name, d.value)
		}
	}
	for _, tier := range sortedKeys(c.Tiers) {
		if v := c.Tiers[tier]; math.IsNaN(v) || math.IsInf(v, 0) || v != 0 && v < 1 {
			wrong("tiers::%s must be 0 (off) or at least 1 (got %v)", tier, v)
		}
	}
	if _, ok := c.Tiers[c.DefaultTier]; !ok {
		wrong("default_tier must be one of the tiers %q (got %q)", sortedKeys(c.Tiers), c.DefaultTier)
	}
	return errors.Join(errs...)
}

func sortedKeys(m map[string]float64) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
