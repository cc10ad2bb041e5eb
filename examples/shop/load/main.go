// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command load sends orders to a shop at a fixed rate and says at the end how that went.
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

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit code: 0 if at least one request succeeded, 1 if none did, 2 for a wrong command line.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "load: %v\n", err)
		return 2
	}
	client := newClient(s.url, s.plan.Concurrency, newBodies(s.orders))
	summary := Run(ctx, s.plan, client.post)
	_, _ = fmt.Fprintln(stdout, summary)
	if err := client.firstError(); err != nil {
		_, _ = fmt.Fprintf(stdout, "first failure: %v\n", err)
	}
	if summary.OK == 0 {
		return 1
	}
	return 0
}

type settings struct {
	url    string
	orders int
	plan   Plan
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.url, "url", "http://127.0.0.1:8080", "the shop")
	flags.Float64Var(&s.plan.Rate, "rate", 400, "requests per second")
	flags.Float64Var(&s.plan.Wave, "wave", 0, "let the rate swing by this share of it")
	flags.DurationVar(&s.plan.Period, "period", 2*time.Minute, "of the wave")
	flags.IntVar(&s.orders, "orders", 25, "orders in one request")
	flags.DurationVar(&s.plan.Duration, "duration", time.Minute, "how long; 0 means until interrupted")
	flags.IntVar(&s.plan.Concurrency, "concurrency", 64, "open requests at most; a request that finds no room is dropped and counted")
	flags.DurationVar(&s.plan.LateAfter, "late-after", 50*time.Millisecond, "a request that leaves this much after its time counts as late")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	return s, s.validate(flags.Args())
}

func (s settings) validate(rest []string) error {
	var errs []error
	if len(rest) > 0 {
		errs = append(errs, fmt.Errorf("load takes flags only (got %q)", rest))
	}
	if s.orders <= 0 {
		errs = append(errs, fmt.Errorf("--orders must be positive (got %d)", s.orders))
	}
	return errors.Join(append(errs, s.plan.Validate())...)
}
