// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command truth holds what heapgate says to what really happened. Run it from the top of the repository: `go run ./examples/truth`.
//
//  1. build the scenario program with every Go toolchain at hand, and the collector
//  2. run each scenario a few at a time, heard by a real collector that derives signals and stores them
//  3. at the end of a scenario's time, ask it for its own counts (/truth) and the store for the signals
//  4. compare: growth of maps, GC CPU time, pauses, classifications; each comparison is a row of the table
//  5. with -again or -short, perform alone what came out wrong beside others
//  6. fail (exit code 1) where a goal is missed
//
// Everything listens on the loopback; every file is in one temporary directory. -short takes the scenarios that matter most and
// less time for each, for CI. -doc writes the table as a page.
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

// Exit codes.
const (
	exitHolds  = 0
	exitMissed = 1 // a goal was missed
	exitBroken = 2 // there was nothing to compare
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
	var t *table
	if err == nil {
		t, err = find(ctx, s, stderr)
	}
	if err == nil && s.doc != "" {
		err = t.writeDoc(s.doc)
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "truth: %v\n", err)
		return exitBroken
	}
	t.print(stdout)
	t.complain(stderr)
	if t.missed() {
		return exitMissed
	}
	return exitHolds
}
