// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/internal/promapi"
)

// What the candidate is compared with, in the order in which auto takes what exists.
const (
	baselineConcurrent = "concurrent"
	baselinePrevious   = "previous"
	baselineLastWeek   = "last_week"
	baselineNone       = "none"

	baselineAuto = "auto"
)

// baselineFlags are the values of --baseline.
var baselineFlags = []string{baselineAuto, baselineConcurrent, baselinePrevious, "last-week", baselineNone}

// priors are the values of --prior.
var priors = []string{priorLearned, priorDefault}

// maxLooks is how many looks the bounds of O'Brien and Fleming are known for.
const maxLooks = 6

// compareFlags is what the user gives about the comparison.
type compareFlags struct {
	baseline, workload, load string
	looks                    int
	warmUp, history          time.Duration
	prior                    string
	explain                  bool
}

func (f *compareFlags) register(cmd *cobra.Command) {
	set := cmd.Flags()
	set.StringVar(&f.baseline, "baseline", baselineAuto, "what to compare with: concurrent (another version in the same window), previous (the version before, at the same age of its pods), last-week (the same hours), auto (the first of these that exists) or none")
	set.StringVar(&f.workload, "baseline-workload", "", "`NAME` of another workload of the namespace that is the concurrent baseline, e.g. shop-stable")
	set.StringVar(&f.load, "load", "", "counter in the store, with the workload's labels, of the work that it does, e.g. http_requests_total (default: heapgate_load_requests_total, else what it allocates)")
	set.IntVar(&f.looks, "looks", 4, "how many times within --wait the candidate is compared; each is decided more strictly than a single one")
	set.DurationVar(&f.warmUp, "warm-up", -1, "how much of the life of each process is left out of the comparison, at most a third of the window (default: as the policies say, 5m)")
	set.DurationVar(&f.history, "history", 7*24*time.Hour, "how far back to look for the version before")
	set.StringVar(&f.prior, "prior", priorLearned, "how far pods of one version differ before any of them was seen: learned (from the releases within --history, where they had enough pods) or default (3 %)")
	set.BoolVar(&f.explain, "explain", false, "print how the verdict came about, step by step with every number")
	// The only error is a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("baseline", cobra.FixedCompletions(baselineFlags, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("prior", cobra.FixedCompletions(priors, cobra.ShellCompDirectiveNoFileComp))
}

// compareSettings is what the code needs.
type compareSettings struct {
	baseline string         // one of the constants above
	workload string         // of the concurrent baseline; "" for the candidate's own
	load     string         // "" for what there is
	looks    int            // 1 to 6
	warmUp   *time.Duration // nil: as the policies say
	history  time.Duration
	prior    string // learned, default, or "" for a record of the time before there was a choice: the default, and nothing said of it
}

func (f *compareFlags) settings() (compareSettings, []error) {
	s := compareSettings{baseline: strings.ReplaceAll(f.baseline, "-", "_"), workload: f.workload, load: f.load, looks: f.looks, history: f.history, prior: cmp.Or(f.prior, priorLearned)}
	var problems []error
	if !slices.Contains(baselineFlags, f.baseline) {
		problems = append(problems, fmt.Errorf("--baseline must be one of %s (got %q)", strings.Join(baselineFlags, ", "), f.baseline))
	}
	if f.workload != "" && f.baseline != baselineAuto && f.baseline != baselineConcurrent {
		problems = append(problems, fmt.Errorf("--baseline-workload is a concurrent baseline; it goes with --baseline auto or concurrent (got %s)", f.baseline))
	}
	if strings.Contains(f.workload, "/") {
		problems = append(problems, fmt.Errorf("--baseline-workload must be the name of a workload of the same namespace and kind (got %q)", f.workload))
	}
	if _, err := promapi.Selector(f.load); f.load != "" && err != nil {
		problems = append(problems, fmt.Errorf("--load must be the name of a metric (got %q)", f.load))
	}
	if f.looks < 1 || f.looks > maxLooks {
		problems = append(problems, fmt.Errorf("--looks must be 1 to %d (got %d)", maxLooks, f.looks))
	}
	if !slices.Contains(priors, s.prior) {
		problems = append(problems, fmt.Errorf("--prior must be one of %s (got %q)", strings.Join(priors, ", "), f.prior))
	}
	if f.warmUp >= 0 {
		s.warmUp = &f.warmUp
	}
	if f.history < time.Hour {
		problems = append(problems, fmt.Errorf("--history must be at least 1h (got %s)", f.history))
	}
	return s, problems
}
