// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/internal/gobench"
	"github.com/heapgate/heapgate/internal/verdict/compare"
)

const benchLong = `Compare what two runs of go test -bench say of allocations and garbage collection, before a change is merged.

OLD and NEW are outputs of

  go test -run '^$' -bench . -benchmem -count=10

of the change's base and of the change; - is stdin. Judged are allocs/op, B/op and every metric that a benchmark reports with
b.ReportMetric under a unit that begins with gc- (like gc-cycles/op). Higher is worse, unless a line "Unit gc-x better=higher" says
otherwise. ns/op is shown and never decides. Other units are left out.

A metric passes if the upper end of the ratio's one-sided interval is below --limit, and fails if the lower end is above --pass-margin
and the ratio reaches --limit. A count that is the same in every run is exact: it needs no interval. With many metrics Holm's
correction applies. Fewer than --min-runs runs, a benchmark that is missing in NEW, a run that failed or stopped half way: inconclusive,
never a pass. A benchmark that is only in NEW is shown.

Exit codes:
   0  pass           nothing that is judged got worse
  10  fail           a benchmark allocates or collects more
  20  inconclusive   the runs are not enough to pass or to fail
  30  error          the result could not be written
  40  error          a mistake in flags, or a file that cannot be read`

const benchExample = `  git stash; go test -run '^$' -bench . -benchmem -count=10 ./... > old.txt
  git stash pop; go test -run '^$' -bench . -benchmem -count=10 ./... | tee new.txt
  heapgate bench old.txt new.txt
  heapgate bench old.txt new.txt -o github    # annotations in a GitHub workflow`

var benchOutputs = []string{"text", "json", "markdown", "github"}

type benchFlags struct {
	set    gobench.Settings
	output string
}

func newBenchCommand(io streams) *cobra.Command {
	f := benchFlags{set: gobench.Default()}
	cmd := &cobra.Command{
		Use:     "bench OLD NEW",
		Short:   "Judge go test -bench: allocations and garbage collection before and after a change",
		Long:    benchLong,
		Example: benchExample,
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := f.check(args); err != nil {
				return err
			}
			return f.run(args[0], args[1], io)
		},
	}
	flags := cmd.Flags()
	flags.Float64Var(&f.set.Limit, "limit", f.set.Limit, "ratio NEW/OLD that is too much")
	flags.Float64Var(&f.set.PassMargin, "pass-margin", f.set.PassMargin, "ratio NEW/OLD up to which nothing fails")
	flags.Float64Var(&f.set.Alpha, "alpha", f.set.Alpha, "chance of each of the two errors, one-sided")
	flags.IntVar(&f.set.MinRuns, "min-runs", f.set.MinRuns, "runs that each side must have")
	flags.StringVarP(&f.output, "output", "o", "text", "text, json, markdown or github")
	// The only error is a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(benchOutputs, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// check is written so that NaN is refused.
func (f *benchFlags) check(args []string) error {
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if args[0] == "-" && args[1] == "-" {
		problems = append(problems, errTwoInputs)
	}
	if !(f.set.PassMargin >= 1 && f.set.PassMargin < f.set.Limit) {
		wrong("--pass-margin must be at least 1 and below --limit (got %g and %g)", f.set.PassMargin, f.set.Limit)
	}
	if !(f.set.Limit > 1 && f.set.Limit <= 100) {
		wrong("--limit must be above 1 and at most 100 (got %g)", f.set.Limit)
	}
	if !(f.set.Alpha >= 0.0001 && f.set.Alpha <= 0.2) {
		wrong("--alpha must be 0.0001 to 0.2 (got %g)", f.set.Alpha)
	}
	if f.set.MinRuns < 2 {
		wrong("--min-runs must be at least 2 (got %d)", f.set.MinRuns)
	}
	if !slices.Contains(benchOutputs, f.output) {
		wrong("--output must be one of %s (got %q)", strings.Join(benchOutputs, ", "), f.output)
	}
	return errors.Join(problems...)
}

func (f *benchFlags) run(before, after string, io streams) error {
	was, err := readBench(before, io.in)
	if err != nil {
		return err
	}
	is, err := readBench(after, io.in)
	if err != nil {
		return err
	}
	r := newBenchReport(was, is, f.set)
	if err := r.write(io.out, f.output); err != nil {
		return &exitError{exitEvidence, err}
	}
	if r.ExitCode != exitPass {
		return &exitError{code: r.ExitCode}
	}
	return nil
}

// benchReport is the report for programs, too. Its fields are an interface: they are added to, never renamed.
type benchReport struct {
	Verdict  compare.Outcome  `json:"verdict"`
	ExitCode int              `json:"exit_code"`
	Summary  string           `json:"summary"`
	Broken   []string         `json:"broken"`
	Notes    []string         `json:"notes"`
	Settings gobench.Settings `json:"settings"`
	Results  []gobench.Result `json:"results"`
}

func newBenchReport(before, after *benchRuns, set gobench.Settings) benchReport {
	r := benchReport{Settings: set, Broken: []string{}, Notes: []string{}, Results: gobench.Judge(benchMetrics(before, after), set)}
	broken, notes := benchNotes(before, after)
	r.Broken, r.Notes = append(r.Broken, broken...), append(r.Notes, notes...)
	r.Verdict = gobench.Outcome(r.Results)
	if len(r.Broken) > 0 && r.Verdict == compare.Pass {
		r.Verdict = compare.Inconclusive
	}
	r.ExitCode = map[compare.Outcome]int{compare.Pass: exitPass, compare.Fail: exitFail}[r.Verdict]
	if r.Verdict == compare.Inconclusive {
		r.ExitCode = exitInconclusive
	}
	r.Summary = r.summary()
	return r
}

func (r benchReport) write(to io.Writer, format string) error {
	text, err := r.format(format)
	if err != nil {
		return err
	}
	_, err = to.Write(text)
	return err
}
