// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

type settings struct {
	window       time.Duration
	wait         time.Duration
	rate         float64
	keep         bool
	binDir       string
	collectorBin string
	heapgateBin  string
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.DurationVar(&s.window, "window", time.Minute, "evidence that is gathered before the gate judges it")
	flags.DurationVar(&s.wait, "wait", 3*time.Minute, "how long each gate may wait for more")
	flags.Float64Var(&s.rate, "rate", 400, "requests per second to each version, with 25 orders each")
	flags.BoolVar(&s.keep, "keep", false, fmt.Sprintf("leave everything running until Ctrl-C, at most %v: the bad version eats memory all the while", keepAtMost))
	flags.StringVar(&s.binDir, "bin", "bin", "build into this directory")
	flags.StringVar(&s.collectorBin, "collector-bin", "", "use this collector instead of building ./distro")
	flags.StringVar(&s.heapgateBin, "heapgate-bin", "", "use this gate instead of building ./cmd/heapgate")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	return s, s.validate(flags.Args())
}

func (s settings) validate(rest []string) error {
	var errs []error
	if len(rest) > 0 {
		errs = append(errs, fmt.Errorf("demo takes flags only (got %q)", rest))
	}
	if s.window <= 0 {
		errs = append(errs, fmt.Errorf("--window must be positive (got %v)", s.window))
	}
	if s.wait <= 0 {
		errs = append(errs, fmt.Errorf("--wait must be positive (got %v)", s.wait))
	}
	if s.rate <= 0 {
		errs = append(errs, fmt.Errorf("--rate must be positive (got %v)", s.rate))
	}
	errs = append(errs, checkBinary("--collector-bin", s.collectorBin), checkBinary("--heapgate-bin", s.heapgateBin))
	return errors.Join(errs...)
}

func checkBinary(flag, path string) error {
	if path == "" {
		return nil
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	return nil
}
