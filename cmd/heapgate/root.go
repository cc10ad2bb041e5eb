// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Exit codes of every subcommand. Argo CD's podFailurePolicy matches on them, so they never change.
const (
	exitPass         = 0
	exitFailure      = 1 // inspect: the input could not be read
	exitFail         = 10
	exitInconclusive = 20
	exitEvidence     = 30
	exitConfig       = 40
)

type streams struct {
	in       io.Reader
	out, err io.Writer
}

// exitError chooses the exit code. A nil err means that the command has already said everything.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// run executes one command line and returns the process's exit code. An error without a code of its own is a
// mistake in the command line or the configuration: 40.
func run(ctx context.Context, args []string, io streams) int {
	root := newRootCommand(io)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitPass
	}
	code := exitConfig
	var chosen *exitError
	if errors.As(err, &chosen) {
		code = chosen.code
		if chosen.err == nil {
			return code
		}
	}
	_, _ = fmt.Fprintf(io.err, "heapgate: %v\n", err)
	return code
}

func newRootCommand(io streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "heapgate",
		Short: "Judge Go workloads by what their garbage collector and their maps do",
		Example: `  heapgate gate --store http://127.0.0.1:9464 --workload shop/shop --image sha256:0123...
  heapgate inspect heap http://127.0.0.1:6060
  kubectl logs api-0 | heapgate inspect gctrace - -o table`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(io.in)
	root.SetOut(io.out)
	root.SetErr(io.err)
	root.AddCommand(newGateCommand(io), newInspectCommand(io), newPoliciesCommand(io))
	root.AddCommand(newExceptionCommand(io))
	root.AddCommand(newCheckCommand(io), newWatchCommand(io))
	root.AddCommand(newBenchCommand(io), newServeCommand(io))
	root.AddCommand(newReplayCommand(io), newVerifyCommand(io), newKeygenCommand(io))
	return root
}

func newInspectCommand(io streams) *cobra.Command {
	inspect := &cobra.Command{
		Use:   "inspect",
		Short: "Show what one process says: gctrace lines or a heap text",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	inspect.AddCommand(newInspectGCTraceCommand(io), newInspectHeapCommand(io))
	return inspect
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "devel"
	}
	return info.Main.Version
}
