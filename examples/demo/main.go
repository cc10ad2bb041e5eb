// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command demo shows heapgate at work on one machine, from a live Go process to a refused version. Run it from the top of
// the repository: `go run ./examples/demo`.
//
//  1. build the shop, its load generator, the collector and the gate
//  2. start the shop twice, version good and version bad, with the same load on each
//  3. start a collector that scrapes both and stores what it hears, and let a window of evidence come in
//  4. run the gate on the good version, then on the bad one
//  5. say what came out and how to look further, and stop everything
//
// Everything listens on the loopback, on ports that were free; every file is in one temporary directory.
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
)

// Exit codes of the demo.
const (
	exitHolds       = 0   // the good version passed and the bad one failed
	exitBroken      = 1   // another verdict, or an accident on the way
	exitUsage       = 2   // wrong command line
	exitInterrupted = 130 // Ctrl-C before the end
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitHolds
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "demo: %v\n", err)
		return exitUsage
	}
	holds, err := tell(ctx, s, stdout, stderr)
	switch {
	case err != nil && ctx.Err() != nil:
		_, _ = fmt.Fprintln(stderr, "\ndemo: interrupted; everything it started has been stopped")
		return exitInterrupted
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "\ndemo: %v\n", err)
		return exitBroken
	case !holds:
		return exitBroken
	}
	return exitHolds
}
