// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Command heapgate judges Go workloads by what their garbage collector and their maps do.
//
// Exit codes are the product: see exit codes of `heapgate gate --help`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}
