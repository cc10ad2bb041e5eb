// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/internal/gctrace"
)

const inspectGCTraceLong = `Read GC cycles out of the stderr of a Go process that runs with GODEBUG=gctrace=1, mixed with its log.

FILE is raw stderr, a docker json-file or a CRI pod log (found out by itself, or --format); - or nothing is stdin. Each cycle is written as
soon as its record is complete, so a log can be followed. A record that another writer tore is mended where its values are certain; a
value that has more than one reading is null and the cycle is marked ambiguous; a record that cannot be read is told on stderr with its
line. The last line on stderr counts all of them.`

const inspectGCTraceExample = `  heapgate inspect gctrace stderr.log -o table
  kubectl logs -f api-0 | heapgate inspect gctrace -
  heapgate inspect gctrace /var/log/pods/shop_api-0_*/api/0.log | jq .heap_mb.live`

// maxToldBad is how many bad records are told one by one.
const maxToldBad = 20

type inspectGCTrace struct {
	streams
	format string
	output string
}

func newInspectGCTraceCommand(io streams) *cobra.Command {
	c := &inspectGCTrace{streams: io}
	cmd := &cobra.Command{
		Use:     "gctrace [FILE|-]",
		Short:   "Show the GC cycles in a mixed stderr",
		Long:    inspectGCTraceLong,
		Example: inspectGCTraceExample,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.run("-")
			}
			return c.run(args[0])
		},
	}
	cmd.Flags().StringVar(&c.format, "format", "auto", "auto, raw, docker or cri")
	cmd.Flags().StringVarP(&c.output, "output", "o", "json", "json (an object a cycle) or table")
	for flag, values := range map[string][]string{"format": {"auto", "raw", "docker", "cri"}, "output": {"json", "table"}} {
		// The flags exist, so there is no error.
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	return cmd
}

// run gives code 1 where the input could not be read; a mistake in the command line is a plain error, which is 40.
func (c *inspectGCTrace) run(from string) error {
	write, err := cycleWriter(c.output, c.out)
	if err != nil {
		return err
	}
	if _, err := gctrace.Unwrap(c.in, gctrace.Format(c.format)); err != nil {
		return fmt.Errorf("--%w", err)
	}
	in := c.in
	if from != "-" {
		file, err := os.Open(from)
		if err != nil {
			return &exitError{exitFailure, err}
		}
		defer func() { _ = file.Close() }() // only read
		in = file
	}
	if err := c.copy(in, write); err != nil {
		return &exitError{exitFailure, fmt.Errorf("%s: %w", from, err)}
	}
	return nil
}

func (c *inspectGCTrace) copy(in io.Reader, write func(*gctrace.Cycle) error) error {
	lines, err := gctrace.Unwrap(in, gctrace.Format(c.format))
	if err != nil {
		return err
	}
	scanner := gctrace.NewScanner(lines, gctrace.Settings{})
	bad := 0
	for scanner.Scan() {
		record := scanner.Record()
		if record.Cycle != nil {
			if err := write(record.Cycle); err != nil {
				return err
			}
			continue
		}
		if bad++; bad <= maxToldBad {
			_, _ = fmt.Fprintf(c.err, "line %d: bad record (%s): %q\n", record.Line, record.Bad.Reason, record.Bad.Text)
		}
	}
	if bad > maxToldBad {
		_, _ = fmt.Fprintf(c.err, "and %d more bad records\n", bad-maxToldBad)
	}
	counts := scanner.Counts()
	_, _ = fmt.Fprintf(c.err, "records=%d mended=%d ambiguous=%d bad=%d\n", counts.Records, counts.Mended, counts.Ambiguous, counts.Bad)
	return scanner.Err()
}

func cycleWriter(format string, out io.Writer) (func(*gctrace.Cycle) error, error) {
	switch format {
	case "json":
		return writeCycleJSON(out), nil
	case "table":
		return writeCycleTable(out), nil
	default:
		return nil, errors.New("--output must be json or table (got " + fmt.Sprintf("%q", format) + ")")
	}
}
