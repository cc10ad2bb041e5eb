// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package connector

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
)

// Temporality of the allocation counts in what arrives.
type Temporality string

const (
	Auto       Temporality = "auto"       // as each profile says, or by its duration: one with a duration is a delta
	Delta      Temporality = "delta"      // what was allocated during the profile
	Cumulative Temporality = "cumulative" // what was allocated since the process began
)

// Config of the connector go_profiles.
type Config struct {
	// Temporality of alloc_objects and alloc_space. OTLP has no field for it; our own receiver writes the attribute
	// heapgate.profile.temporality.
	Temporality Temporality `mapstructure:"temporality"`
	// MaxTargets is how many processes are remembered; of more, those are not heard that come last.
	MaxTargets int `mapstructure:"max_targets"`
	// MaxSites is how many map sites of one process are named, the largest first.
	MaxSites int `mapstructure:"max_sites"`
	// MaxSamples of one snapshot that are read. A larger one is refused whole: half of it would look like a process that shrank.
	MaxSamples int `mapstructure:"max_samples"`
	// ExpireAfter is how long a silent process is remembered.
	ExpireAfter time.Duration `mapstructure:"expire_after"`
}

func createDefaultConfig() component.Config {
	return &Config{Temporality: Auto, MaxTargets: 10_000, MaxSites: 64, MaxSamples: 500_000, ExpireAfter: 15 * time.Minute}
}

// Validate joins every error.
func (c *Config) Validate() error {
	var errs []error
	switch c.Temporality {
	case Auto, Delta, Cumulative:
	default:
		errs = append(errs, fmt.Errorf("temporality must be auto, delta or cumulative (got %q)", c.Temporality))
	}
	for _, limit := range []struct {
		name  string
		value int
	}{{"max_targets", c.MaxTargets}, {"max_sites", c.MaxSites}, {"max_samples", c.MaxSamples}} {
		if limit.value < 1 {
			errs = append(errs, fmt.Errorf("%s must be at least 1 (got %d)", limit.name, limit.value))
		}
	}
	if c.ExpireAfter <= 0 {
		errs = append(errs, fmt.Errorf("expire_after must be a positive duration, longer than the time between two profiles (got %v)", c.ExpireAfter))
	}
	return errors.Join(errs...)
}
