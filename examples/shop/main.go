// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command shop is a small order service to try heapgate on: it takes orders as JSON and remembers their receipts.
// `--version good` remembers a bounded number of them, `--version bad` all of them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run serves until ctx ends and returns the exit code: 0 after an orderly stop, 1 after an accident, 2 for a wrong command
// line. The log goes to stdout: stderr belongs to the runtime, whose gctrace lines a second writer would tear.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "shop: %v\n", err)
		return 2
	}
	log := slog.New(slog.NewTextHandler(stdout, nil))
	if err := serve(ctx, s, log); err != nil {
		log.Error("shop stopped", "error", err)
		return 1
	}
	return 0
}
