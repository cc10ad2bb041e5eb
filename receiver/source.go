// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
	"time"

	"github.com/heapgate/heapgate/internal/bytesize"
)

// source is one page of a process, by the name it has in the configuration.
type source string

const (
	sourceHeapText      source = "heap_text"
	sourceHeapProfile   source = "heap_profile"
	sourceGoroutines    source = "goroutine"
	sourceGoroutineLeak source = "goroutine_leak"
	sourceVars          source = "vars"
	sourceMutexProfile  source = "mutex"
	sourceBlockProfile  source = "block"
	sourceCPUProfile    source = "cpu"
	sourceExecTrace     source = "trace"
	sourceGctraceLines  source = "gctrace" // asks nothing of the process: its files are read all the time, and emitted when due
)

// SourcesConfig says which pages of a process are asked, and how often. The first one that is enabled, in this order,
// tells whether the target is up.
type SourcesConfig struct {
	// HeapText is heap?debug=1: allocations by site and class, MemStats, pauses. Enabled by default.
	HeapText SourceConfig `mapstructure:"heap_text"`
	// Vars is /debug/vars: MemStats without a stop of the world for the profile.
	Vars VarsConfig `mapstructure:"vars"`
	// HeapProfile is the protobuf heap profile: for the profiles pipeline.
	HeapProfile SourceConfig `mapstructure:"heap_profile"`
	// Goroutine is goroutine?debug=1: how many, in which state, at which sites. Enabled by default.
	Goroutine SourceConfig `mapstructure:"goroutine"`
	// GoroutineLeak is goroutineleak?debug=1, where the program was built with it. It makes the process collect garbage.
	GoroutineLeak SourceConfig `mapstructure:"goroutine_leak"`
	// Mutex is the mutex profile, empty unless the program enables it.
	Mutex SourceConfig `mapstructure:"mutex"`
	// Block is the block profile, empty unless the program enables it.
	Block SourceConfig `mapstructure:"block"`
	// CPU is a CPU profile of some seconds.
	CPU CPUConfig `mapstructure:"cpu"`
	// Trace is an execution trace of a second.
	Trace TraceConfig `mapstructure:"trace"`
}

// SourceConfig is one page.
type SourceConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// Interval between two visits; zero means collection_interval.
	Interval time.Duration `mapstructure:"interval"`
}

// VarsConfig is /debug/vars.
type VarsConfig struct {
	SourceConfig `mapstructure:",squash"`
	// Load names the number in /debug/vars that counts the program's work, such as requests; the gate compares versions at equal
	// load by it. Empty: none.
	Load string `mapstructure:"load"`
}

// CPUConfig is a profile that is taken for a while.
type CPUConfig struct {
	SourceConfig `mapstructure:",squash"`
	// Duration of the profile, whole seconds.
	Duration time.Duration `mapstructure:"duration"`
}

// TraceConfig is a trace that is taken for a while and may not become too long.
type TraceConfig struct {
	SourceConfig `mapstructure:",squash"`
	// Duration of the trace.
	Duration time.Duration `mapstructure:"duration"`
	// MaxSize of the trace; what comes behind is not read.
	MaxSize bytesize.Size `mapstructure:"max_size"`
}

// CostConfig is what hearing may cost a process.
type CostConfig struct {
	// MaxCPUShare of one core that all sources of a target together may take. Intervals are stretched to keep it.
	MaxCPUShare float64 `mapstructure:"max_cpu_share"`
}

func defaultSources() SourcesConfig {
	return SourcesConfig{
		HeapText:      SourceConfig{Enabled: true},
		Goroutine:     SourceConfig{Enabled: true},
		GoroutineLeak: SourceConfig{Interval: 30 * time.Minute},
		CPU:           CPUConfig{SourceConfig{Interval: 5 * time.Minute}, 10 * time.Second},
		Trace:         TraceConfig{SourceConfig{Interval: 30 * time.Minute}, time.Second, 5 << 20},
	}
}

// configuredSource is one enabled source.
type configuredSource struct {
	source source
	every  time.Duration
	lasts  time.Duration // that the process takes on purpose
}

// enabled are the sources to ask, the one that tells whether the target is up first.
func (c *SourcesConfig) enabled(interval time.Duration) []configuredSource {
	var all []configuredSource
	for _, s := range []struct {
		source source
		cfg    SourceConfig
		lasts  time.Duration
	}{
		{sourceHeapText, c.HeapText, 0}, {sourceVars, c.Vars.SourceConfig, 0}, {sourceHeapProfile, c.HeapProfile, 0}, {sourceGoroutines, c.Goroutine, 0},
		{sourceGoroutineLeak, c.GoroutineLeak, 0}, {sourceMutexProfile, c.Mutex, 0}, {sourceBlockProfile, c.Block, 0},
		{sourceCPUProfile, c.CPU.SourceConfig, c.CPU.Duration}, {sourceExecTrace, c.Trace.SourceConfig, c.Trace.Duration},
	} {
		if !s.cfg.Enabled {
			continue
		}
		every := s.cfg.Interval
		if every == 0 {
			every = interval
		}
		all = append(all, configuredSource{s.source, every, s.lasts})
	}
	return all
}

const (
	minInterval = 100 * time.Millisecond
	maxLoadName = 200 // bytes
)

func (c *SourcesConfig) validate(interval time.Duration) error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	sources := c.enabled(interval)
	for _, s := range sources {
		if s.every < minInterval {
			wrong("sources::%s::interval must be at least %s (got %s)", s.source, minInterval, s.every)
		}
		if s.lasts > 0 && s.every < 2*s.lasts {
			wrong("sources::%s::interval must be at least twice its duration, %s (got %s)", s.source, 2*s.lasts, s.every)
		}
	}
	if c.Vars.Load != "" && !c.Vars.Enabled {
		wrong("sources::vars::load needs sources::vars::enabled: true (got load %q and no vars)", c.Vars.Load)
	}
	if len(c.Vars.Load) > maxLoadName {
		wrong("sources::vars::load must be at most %d bytes long (got %d)", maxLoadName, len(c.Vars.Load))
	}
	if len(sources) == 0 {
		wrong("sources must have at least one that is enabled (got none)")
	}
	if d := c.CPU.Duration; d < time.Second || d > time.Minute || d%time.Second != 0 {
		wrong("sources::cpu::duration must be 1s to 60s in whole seconds (got %s)", d)
	}
	if d := c.Trace.Duration; d < 100*time.Millisecond || d > 10*time.Second {
		wrong("sources::trace::duration must be from 100ms to 10s (got %s)", d)
	}
	if s := c.Trace.MaxSize; s < 64<<10 || s > 256<<20 {
		wrong("sources::trace::max_size must be from 64KiB to 256MiB (got %d)", s)
	}
	return errors.Join(errs...)
}

func (c *CostConfig) validate() error {
	if !(c.MaxCPUShare > 0 && c.MaxCPUShare <= 1) { // NaN is neither
		return fmt.Errorf("cost::max_cpu_share must be above 0 and at most 1, a whole core (got %g)", c.MaxCPUShare)
	}
	return nil
}
