// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command fleet lets one real collector on one core hear thousands of processes: each is a loopback address that serves the stored
// profiles of a real program, a tenth of them hang, and some restart, break off or answer junk all the time. It measures
// what the collector uses and how long each healthy target waits between two visits, and fails where a bound is crossed.
//
//	go run ./examples/fleet                      # 1,000 targets for a minute
//	go run ./examples/fleet -targets 10000 -interval 60s -for 30m
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// settings of a run.
type settings struct {
	targets   int
	interval  time.Duration
	lasts     time.Duration
	hanging   float64 // share of the targets
	chaotic   float64 // share of the others
	collector string
	corpus    string
	dir       string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

const (
	exitOK    = 0
	exitBound = 1 // a bound was crossed
	exitError = 2 // there was nothing to measure
)

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var s settings
	flags := flag.NewFlagSet("fleet", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&s.targets, "targets", 1000, "how many processes there seem to be, at most 60000")
	flags.DurationVar(&s.interval, "interval", 20*time.Second, "collection_interval of the collector")
	flags.DurationVar(&s.lasts, "for", time.Minute, "how long to measure, after two intervals of warming up")
	flags.Float64Var(&s.hanging, "hanging", 0.1, "share of the targets that never answer")
	flags.Float64Var(&s.chaotic, "chaotic", 0.05, "share of the others that restart, break off and answer junk in turn")
	flags.StringVar(&s.collector, "collector", "bin/heapgate-collector", "the collector; make build writes it")
	flags.StringVar(&s.corpus, "corpus", "internal/profile/testdata/corpus", "stored profiles")
	if err := flags.Parse(args); err != nil {
		return exitError
	}
	if err := s.validate(); err != nil {
		fmt.Fprintln(stderr, "fleet:", err)
		return exitError
	}
	dir, err := os.MkdirTemp("", "heapgate-fleet-")
	if err != nil {
		fmt.Fprintln(stderr, "fleet:", err)
		return exitError
	}
	defer os.RemoveAll(dir)
	s.dir = dir
	report, err := measure(ctx, s, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "fleet:", err)
		return exitError
	}
	crossed := report.print(stdout)
	if crossed > 0 {
		return exitBound
	}
	return exitOK
}

func (s *settings) validate() error {
	switch {
	case s.targets < 1 || s.targets > 60_000:
		return fmt.Errorf("-targets must be from 1 to 60000 (got %d)", s.targets)
	case s.interval < time.Second:
		return fmt.Errorf("-interval must be at least 1s (got %s)", s.interval)
	case s.lasts < 2*s.interval:
		return fmt.Errorf("-for must be at least two intervals, %s (got %s)", 2*s.interval, s.lasts)
	case !(s.hanging >= 0 && s.hanging <= 1) || !(s.chaotic >= 0 && s.chaotic <= 1):
		return fmt.Errorf("-hanging and -chaotic must be from 0 to 1 (got %g and %g)", s.hanging, s.chaotic)
	}
	return nil
}
