// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// settings of a run.
type settings struct {
	short     bool
	again     bool
	lasts     time.Duration // of each scenario
	interval  time.Duration
	window    time.Duration
	atOnce    int
	only      string // comma-separated names
	collector string
	doc       string
	keep      string
	niceness  int
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("truth", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&s.short, "short", false, "the scenarios that matter most, and less time for each")
	flags.BoolVar(&s.again, "again", false, "perform once more, alone, what came out wrong beside others (with -short always)")
	flags.DurationVar(&s.lasts, "for", 0, "how long each scenario runs (default 80s, 36s with -short)")
	flags.DurationVar(&s.interval, "interval", time.Second, "collection_interval of the collector")
	flags.DurationVar(&s.window, "window", 0, "window of the processor (default a quarter of -for)")
	flags.IntVar(&s.atOnce, "at-once", 0, "scenarios that run at the same time (default 3, 4 with -short)")
	flags.StringVar(&s.only, "only", "", "run these scenarios alone, comma-separated")
	flags.StringVar(&s.collector, "collector-bin", "", "use this collector instead of building ./distro")
	flags.StringVar(&s.doc, "doc", "", "write the table to this page too")
	flags.StringVar(&s.keep, "keep", "", "keep all files in this directory, and what was heard and counted of each scenario as JSON")
	flags.IntVar(&s.niceness, "nice", 10, "niceness of the scenarios; the collector has half of it")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	if s.lasts == 0 {
		s.lasts = 80 * time.Second
		if s.short {
			s.lasts = 36 * time.Second
		}
	}
	s.again = s.again || s.short
	if s.atOnce == 0 {
		s.atOnce = 3
		if s.short {
			s.atOnce = 4
		}
	}
	if s.window == 0 {
		s.window = s.lasts / 4
	}
	return s, s.validate(flags.Args())
}

func (s settings) validate(rest []string) error {
	var errs []error
	if len(rest) > 0 {
		errs = append(errs, fmt.Errorf("truth takes flags only (got %q)", rest))
	}
	if s.interval < 100*time.Millisecond {
		errs = append(errs, fmt.Errorf("-interval must be at least 100ms (got %v)", s.interval))
	}
	if s.lasts < 10*s.interval {
		errs = append(errs, fmt.Errorf("-for must be at least ten intervals, %v (got %v)", 10*s.interval, s.lasts))
	}
	if s.window <= 0 {
		errs = append(errs, fmt.Errorf("-window must be positive (got %v)", s.window))
	}
	if s.atOnce < 1 {
		errs = append(errs, fmt.Errorf("-at-once must be at least 1 (got %d)", s.atOnce))
	}
	for _, name := range s.names() {
		if _, ok := scenarioOf(name); !ok {
			errs = append(errs, fmt.Errorf("-only: there is no scenario %q", name))
		}
	}
	return errors.Join(errs...)
}

// names that -only gives.
func (s settings) names() []string {
	if s.only == "" {
		return nil
	}
	return strings.Split(s.only, ",")
}
