// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/heapgate/heapgate/internal/bytesize"
)

// promoteAll as the only entry of resource_attributes.promote stands for every key.
const promoteAll = "all"

const (
	minRetentionTime = 10 * time.Minute
	minRetentionSize = 16 << 20
)

// Config is what the user writes below `prometheus_tsdb:`.
type Config struct {
	// Directory holds the store. It is created if it does not exist and belongs to one exporter alone. Required.
	Directory string `mapstructure:"directory"`
	// Endpoint is the host:port of the query API. There is no authentication, so the default is reachable from this machine only.
	Endpoint string `mapstructure:"endpoint"`
	// Timeout bounds one write, including the wait for the write before it.
	Timeout time.Duration `mapstructure:"timeout"`
	// Retention says what is kept.
	Retention RetentionConfig `mapstructure:"retention"`
	// OutOfOrderWindow is how far behind the newest sample of the store a sample may lie that is not the newest of its series.
	OutOfOrderWindow time.Duration `mapstructure:"out_of_order_window"`
	// MaxSeries bounds the series in memory; a sample of one more series is refused.
	MaxSeries int `mapstructure:"max_series"`
	// ResourceAttributes says which of them become labels.
	ResourceAttributes ResourceAttributesConfig `mapstructure:"resource_attributes"`
	// Query bounds what the readers may ask for.
	Query QueryConfig `mapstructure:"query"`
}

// RetentionConfig bounds the store in age and in bytes; whichever is reached first applies, one block at a time.
type RetentionConfig struct {
	Time time.Duration `mapstructure:"time"`
	Size bytesize.Size `mapstructure:"size"`
}

// ResourceAttributesConfig names the resource attributes that become labels of every series of the resource.
type ResourceAttributesConfig struct {
	// Promote is the one word all, or a list of keys. job and instance are always labels.
	Promote []string `mapstructure:"promote"`
}

// QueryConfig bounds the query API.
type QueryConfig struct {
	// Timeout bounds one request, including its wait for a place.
	Timeout time.Duration `mapstructure:"timeout"`
	// MaxSamples is how many samples one query may hold in memory.
	MaxSamples int `mapstructure:"max_samples"`
	// MaxConcurrent is how many requests are answered at once; sixteen times as many may wait.
	MaxConcurrent int `mapstructure:"max_concurrent"`
	// LookbackDelta is how long a sample stays the current one.
	LookbackDelta time.Duration `mapstructure:"lookback_delta"`
}

func createDefaultConfig() component.Config {
	return &Config{
		Endpoint:           "127.0.0.1:9464",
		Timeout:            5 * time.Second,
		Retention:          RetentionConfig{Time: 24 * time.Hour, Size: 1 << 30},
		OutOfOrderWindow:   5 * time.Minute,
		MaxSeries:          250_000,
		ResourceAttributes: ResourceAttributesConfig{Promote: []string{promoteAll}},
		Query: QueryConfig{
			Timeout:       30 * time.Second,
			MaxSamples:    5_000_000,
			MaxConcurrent: 4,
			LookbackDelta: 5 * time.Minute,
		},
	}
}

// Validate names every mistake at once, with what was got and what would be right.
func (c *Config) Validate() error {
	var errs []error
	if c.Directory == "" {
		errs = append(errs, errors.New("directory must be the path of the store (got nothing)"))
	}
	errs = append(errs,
		validateEndpoint(c.Endpoint),
		positive("timeout", c.Timeout),
		c.Retention.validate(),
		positive("query.timeout", c.Query.Timeout),
		positive("query.lookback_delta", c.Query.LookbackDelta),
		atLeastOne("query.max_samples", c.Query.MaxSamples),
		atLeastOne("query.max_concurrent", c.Query.MaxConcurrent),
		atLeastOne("max_series", c.MaxSeries),
		c.ResourceAttributes.validate(),
	)
	if c.OutOfOrderWindow < 0 || c.OutOfOrderWindow > c.Retention.Time {
		errs = append(errs, fmt.Errorf("out_of_order_window must lie between 0s and retention.time, %s (got %s)", c.Retention.Time, c.OutOfOrderWindow))
	}
	return errors.Join(errs...)
}

func (c RetentionConfig) validate() error {
	var errs []error
	if c.Time < minRetentionTime {
		errs = append(errs, fmt.Errorf("retention.time must be at least %s (got %s)", minRetentionTime, c.Time))
	}
	if c.Size < minRetentionSize {
		errs = append(errs, fmt.Errorf("retention.size must be at least %s (got %s)", bytesize.Size(minRetentionSize), c.Size))
	}
	return errors.Join(errs...)
}

func (c ResourceAttributesConfig) validate() error {
	switch {
	case slices.Contains(c.Promote, ""):
		return fmt.Errorf("resource_attributes.promote must hold attribute keys (got an empty one in %q)", c.Promote)
	case len(c.Promote) > 1 && slices.Contains(c.Promote, promoteAll):
		return fmt.Errorf("resource_attributes.promote must be either the word all or a list of keys (got %q)", c.Promote)
	}
	return nil
}

// validateEndpoint wants the host spelled out: ":9464" would open a store without authentication to every network, unsaid.
func validateEndpoint(endpoint string) error {
	host, port, err := net.SplitHostPort(endpoint)
	if err != nil {
		return fmt.Errorf("endpoint must be host:port like 127.0.0.1:9464 (got %q)", endpoint)
	}
	if host == "" {
		return fmt.Errorf("endpoint must name its host: 127.0.0.1:%s for this machine only, 0.0.0.0:%s for every network (got %q)", port, port, endpoint)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("endpoint must have a port between 0 and 65535 (got %q)", endpoint)
	}
	return nil
}

// isLoopback tells whether the endpoint can be reached from this machine alone. A name other than localhost is taken for reachable.
func isLoopback(endpoint string) bool {
	host, _, err := net.SplitHostPort(endpoint)
	if err != nil {
		return false
	}
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func positive(key string, d time.Duration) error {
	if d > 0 {
		return nil
	}
	return fmt.Errorf("%s must be a positive duration (got %s)", key, d)
}

func atLeastOne(key string, n int) error {
	if n >= 1 {
		return nil
	}
	return fmt.Errorf("%s must be at least 1 (got %d)", key, n)
}
