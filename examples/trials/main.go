// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command trials asks the real gate again and again about the real example service, and counts what it says. Run it from the top of the
// repository: `go run ./examples/trials`.
//
//  1. start groups of the shop, most of version good and some of version lavish, which allocates a fifth more for each request; each
//     process has the same load, which swings
//  2. start a collector that hears them all
//  3. for each window: judge pairs of groups of the same version (A/A: a block is wrong), and lavish groups beside good ones (A/B: a pass is wrong)
//  4. print how often the gate, and each compared signal, said pass, fail or inconclusive
//
// The pairs of a window share its groups, so that the trials are not independent of each other: the counts are an example of the error
// rates that docs/statistics.md has from a simulation, and no proof of them. Times are short: windows of minutes where a user has half
// an hour.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type settings struct {
	lasts, window, step       time.Duration
	good, lavish, pods, pairs int
	rate                      float64
	heapgate, collector, keep string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit code: 0 if the trials ran, 1 if they did not, 2 for a wrong command line.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "trials: %v\n", err)
		return 2
	}
	t, err := s.perform(ctx, stderr)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "trials: %v\n", err)
		return 1
	}
	t.print(stdout)
	return 0
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("trials", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.DurationVar(&s.lasts, "for", 28*time.Minute, "how long to measure, after a warm-up of a window")
	flags.DurationVar(&s.window, "window", 2*time.Minute, "window of the gate; trials of two windows share no evidence")
	flags.DurationVar(&s.step, "step", 5*time.Second, "collection interval, and step of the gate")
	flags.IntVar(&s.good, "good", 8, "groups of version good")
	flags.IntVar(&s.lavish, "lavish", 4, "groups of version lavish")
	flags.IntVar(&s.pods, "pods", 2, "processes in a group")
	flags.IntVar(&s.pairs, "pairs", 16, "pairs of each kind to judge in a window")
	flags.Float64Var(&s.rate, "rate", 15, "requests per second to each process")
	flags.StringVar(&s.heapgate, "heapgate-bin", "bin/heapgate", "the gate, as make build makes it")
	flags.StringVar(&s.collector, "collector-bin", "bin/heapgate-collector", "the collector, as make build makes it")
	flags.StringVar(&s.keep, "keep", "", "keep all files in this directory, and each answer of the gate")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	var errs []error
	if flags.NArg() > 0 {
		errs = append(errs, fmt.Errorf("trials takes flags only (got %q)", flags.Args()))
	}
	if s.good < 2 || s.lavish < 1 || s.pods < 1 || s.pairs < 1 {
		errs = append(errs, fmt.Errorf("-good must be at least 2, -lavish, -pods and -pairs at least 1 (got %d, %d, %d, %d)", s.good, s.lavish, s.pods, s.pairs))
	}
	if s.step < time.Second || s.window < 10*s.step || s.lasts < s.window {
		errs = append(errs, fmt.Errorf("-step must be at least 1s, -window ten steps, and -for a window (got %v, %v, %v)", s.step, s.window, s.lasts))
	}
	for name, path := range map[string]string{"-heapgate-bin": s.heapgate, "-collector-bin": s.collector} {
		if _, err := os.Stat(path); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w; run make build", name, err))
		}
	}
	return s, errors.Join(errs...)
}
