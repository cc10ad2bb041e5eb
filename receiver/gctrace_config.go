// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"errors"
	"fmt"
)

// GCTraceConfig names where gctrace lines and crash dumps are read. Raw, docker json-file and CRI files are told apart by
// themselves.
type GCTraceConfig struct {
	// Files are globs. What rotation made of a file (.1, .2.gz, .20260101-000000.gz) is found beside it and must not be
	// among them. A named pipe is read too; how far it was read cannot be kept.
	Files []string `mapstructure:"files"`
	// Stdin reads the collector's own standard input. At most one target of one receiver may.
	Stdin bool `mapstructure:"stdin"`
}

// stdinPath stands for standard input where a path is wanted. No glob matches it.
const stdinPath = "stdin:"

// podLogsAPI is the value of discovery::gctrace::pod_logs that asks the Kubernetes API.
const podLogsAPI = "api"

// globs are the files, and standard input as one of them.
func (c *GCTraceConfig) globs() []string {
	if c.Stdin {
		return append([]string{stdinPath}, c.Files...)
	}
	return c.Files
}

// configured is true where anything is to be read.
func (c *GCTraceConfig) configured() bool { return c.Stdin || len(c.Files) > 0 }

// checkStdin refuses a second reader of standard input: each would get a part of it.
func checkStdin(all ...GCTraceConfig) error {
	readers := 0
	for _, c := range all {
		if c.Stdin {
			readers++
		}
	}
	if readers > 1 {
		return fmt.Errorf("gctrace::stdin must be true for one target at most (got %d)", readers)
	}
	return nil
}

var errStdinTaken = errors.New("standard input is read by another receiver or target already")
