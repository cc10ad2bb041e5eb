// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"os/exec"
	"syscall"
	"time"
)

// runCommand runs a program to its end. When ctx ends first, its whole process group is asked to end and after grace killed:
// `go build`, for one, has compilers below it. The error is then the cause of ctx.
func runCommand(ctx context.Context, grace time.Duration, stdout, stderr io.Writer, path string, args ...string) error {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace
	err := cmd.Run()
	if ctx.Err() != nil {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what is left of the group, if anything
		}
		return context.Cause(ctx)
	}
	return err
}
