// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package processor

import (
	"errors"
	"fmt"
	"time"

	"github.com/heapgate/heapgate/internal/bytesize"
	"github.com/heapgate/heapgate/processor/internal/metadata"
)

// Config of the processor go_signals.
type Config struct {
	// Window over which signals are derived, on the time base of heapgate.observed_until. A process collects its garbage at least
	// every two minutes, so that a shorter window is often empty.
	Window time.Duration `mapstructure:"window"`
	// MaxTargets that are remembered. A new target takes the place of the one that is silent for longest if that is silent for a window;
	// otherwise it is forwarded without signals.
	MaxTargets int `mapstructure:"max_targets"`
	// MaxSites is how many map sites of one target are remembered, the largest first.
	MaxSites int `mapstructure:"max_sites"`
	// MaxSnapshots is how many points of one window are remembered, evenly spaced.
	MaxSnapshots int `mapstructure:"max_snapshots"`
	// ExpireAfter is how long a silent target is remembered.
	ExpireAfter time.Duration `mapstructure:"expire_after"`
	// StateSize is how much memory all targets together may take, about. A new one that would take more is treated as one beyond
	// MaxTargets.
	StateSize bytesize.Size `mapstructure:"state_size"`
	// MaxSeries is how many points of signals one resource gets from one batch; of more, those of sites are left out first.
	MaxSeries int `mapstructure:"max_series"`
	// MaxChanges is how many changes of verdicts and states a minute become log records, and a tenth of it how many of one target.
	// It needs this processor in a pipeline of logs.
	MaxChanges int `mapstructure:"max_changes"`
	// Baseline learns what is usual for each workload.
	Baseline BaselineConfig `mapstructure:"baseline"`
	// Metrics can be switched off one by one, see documentation.md.
	Metrics metadata.MetricsConfig `mapstructure:"metrics"`
}

func createDefaultConfig() *Config {
	return &Config{
		Window:       10 * time.Minute,
		MaxTargets:   10_000,
		MaxSites:     64,
		MaxSnapshots: 20,
		ExpireAfter:  15 * time.Minute,
		StateSize:    1 << 30,
		MaxSeries:    5000,
		MaxChanges:   600,
		Baseline:     defaultBaselineConfig(),
		Metrics:      metadata.DefaultMetricsConfig(),
	}
}

// minSnapshots hold the three windows that the shipped policies want before they judge a map.
const minSnapshots = 4

// Validate joins every error.
func (c *Config) Validate() error {
	var errs []error
	if c.Window <= 0 {
		errs = append(errs, fmt.Errorf("window must be a positive duration, 2m or more for idle processes (got %v)", c.Window))
	}
	if c.MaxTargets < 1 {
		errs = append(errs, fmt.Errorf("max_targets must be at least 1 (got %d)", c.MaxTargets))
	}
	if c.MaxSites < 1 {
		errs = append(errs, fmt.Errorf("max_sites must be at least 1 (got %d)", c.MaxSites))
	}
	if c.MaxSnapshots < minSnapshots {
		errs = append(errs, fmt.Errorf("max_snapshots must be at least %d (got %d)", minSnapshots, c.MaxSnapshots))
	}
	if c.ExpireAfter < c.Window {
		errs = append(errs, fmt.Errorf("expire_after must not be shorter than window, %v (got %v)", c.Window, c.ExpireAfter))
	}
	if c.StateSize < assumedSize {
		errs = append(errs, fmt.Errorf("state_size must be at least %v, one target's (got %v)", bytesize.Size(assumedSize), c.StateSize))
	}
	if c.MaxSeries < 1 {
		errs = append(errs, fmt.Errorf("max_series must be at least 1 (got %d)", c.MaxSeries))
	}
	if c.MaxChanges < 0 {
		errs = append(errs, fmt.Errorf("max_changes must be at least 0, which tells none (got %d)", c.MaxChanges))
	}
	if err := c.Baseline.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("baseline: %w", err))
	}
	return errors.Join(errs...)
}
