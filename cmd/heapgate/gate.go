// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/internal/verdict"
)

const gateLong = `Ask a Prometheus-compatible store what one workload's garbage collector and maps did in a window, judge it by the policies, and
say so with the exit code.

The workload is NAMESPACE/NAME, NAMESPACE/KIND/NAME or CLUSTER/NAMESPACE/KIND/NAME. All its targets that were seen in the window are
judged, and the worst of them counts; give --image or --version to leave the processes of the previous version out.

The candidate is also compared with a baseline: with another version that runs at the same time, else with the version before it at the
same age of its pods, else with the same hours a week ago. Live heap, GC CPU per allocated byte, allocation and the share of the memory
limit are held to it, adjusted for the load, with an interval; functions whose allocation changed are named. With --wait there are several
looks, each stricter than a single one, and the first that decides ends it. --explain shows every number on the way.

What is missing, late, not a number, ambiguous or only part of an answer never passes: the verdict is then inconclusive. With --wait
the gate keeps asking until the evidence is there.

With --bundle everything that the verdict came of is kept, for heapgate replay. --profile puts heap profiles beside it, up to 16 of 16 MiB
and 32 MiB together, for whoever reads the bundle; no rule looks at them. Where they make a bundle too large (900 KiB in a ConfigMap, 32 MiB
in a file) the largest are left out, which is told and kept in the bundle.

Exit codes:
   0  pass           every rule holds (warnings are printed)
  10  fail           a signal broke its limit
  20  inconclusive   the evidence is not enough to pass or to fail
  30  error          no evidence: the store is down, slow, refuses, or answers garbage; or the gate was interrupted
  40  error          a mistake in flags, limits or policies, or a policy that failed while it was evaluated`

const gateExample = `  # Is this image of shop fit to go on? Give it three minutes to gather evidence.
  heapgate gate --store http://127.0.0.1:9464 --workload shop/shop --image sha256:4f1c... --window 10m --wait 3m

  # The same against a Mimir tenant, as a comment for a pull request.
  heapgate gate --store https://mimir.example.com/prometheus --header X-Scope-OrgID=team-a --bearer-token-file /run/token \
      --workload prod-1/shop/Deployment/shop -o markdown

  # A canary beside the stable workload, for an hour, looked at six times; the load is what the service counts itself.
  heapgate gate --store http://127.0.0.1:9464 --workload shop/shop-canary --baseline-workload shop-stable --load http_requests_total \
      --wait 1h --looks 6 --explain

  # With the evidence in a ConfigMap, and in it the heap profiles that somebody will want to see.
  heapgate gate --store http://127.0.0.1:9464 --workload shop/shop --bundle configmap://shop/heapgate-evidence \
      --profile candidate.pb.gz --profile baseline.pb.gz

  # With limits of one's own; only the named ones change.
  printf 'limits:\n  gc_cpu_share: 0.1\n' > limits.yaml
  heapgate gate --store http://127.0.0.1:9464 --workload shop/shop --limits limits.yaml -o json`

func newGateCommand(io streams) *cobra.Command {
	var flags gateFlags
	cmd := &cobra.Command{
		Use:     "gate --store URL --workload [CLUSTER/]NAMESPACE/[KIND/]NAME",
		Short:   "Pass or stop a deployment by its memory behaviour",
		Long:    gateLong,
		Example: gateExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := flags.settings()
			if err != nil {
				return &exitError{exitConfig, err}
			}
			return runGate(cmd.Context(), settings, io)
		},
	}
	flags.register(cmd)
	cmd.AddCommand(newHookCommand(io), newHistoryCommand(io))
	return cmd
}

// runGate loads the policies, looks until there is a verdict, prints it and turns it into the exit code.
func runGate(ctx context.Context, s gateSettings, io streams) error {
	judge, err := s.policies.judge(ctx, nil, s.limits)
	if err != nil {
		return &exitError{exitConfig, err}
	}
	r, err := measure(ctx, s, judge, io)
	if err != nil {
		return &exitError{exitConfig, err}
	}
	if err := keep(ctx, r, io); err != nil {
		return err
	}
	if err := r.write(io.out, s.output); err != nil {
		return &exitError{exitEvidence, err}
	}
	if code := r.exitCode(); code != exitPass {
		return &exitError{code: code}
	}
	return nil
}

// keep writes the bundle, if one is wanted. A verdict whose evidence is lost must not let anything pass.
func keep(ctx context.Context, r report, io streams) error {
	if r.settings.bundle == "" {
		return nil
	}
	kept, err := keepBundle(ctx, r, r.settings.bundle, r.settings.signKey)
	switch {
	case errors.Is(err, errNothingMeasured):
		return nil
	case err != nil && r.exitCode() == exitPass:
		return &exitError{exitEvidence, fmt.Errorf("--bundle: %w", err)}
	case err != nil:
		_, _ = fmt.Fprintf(io.err, "heapgate: warning: --bundle: %s\n", printable(err.Error()))
	default:
		_, _ = fmt.Fprintln(io.err, kept.line(r.settings.bundle))
		if warning := kept.warning(); warning != "" {
			_, _ = fmt.Fprintf(io.err, "heapgate: warning: %s\n", warning)
		}
	}
	return nil
}

// exitCode maps the verdict to the exit code that Argo CD's podFailurePolicy matches on.
func (r report) exitCode() int {
	switch r.verdict.Outcome {
	case verdict.Pass:
		return exitPass
	case verdict.Fail:
		return exitFail
	case verdict.Inconclusive:
		if r.tolerated {
			return exitPass
		}
		return exitInconclusive
	}
	for _, reason := range r.verdict.Reasons {
		if reason.Code == verdict.CodeEvidenceError {
			return exitEvidence
		}
	}
	return exitConfig
}

func readLimited(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && (info.IsDir() || info.Size() > limit) {
		return nil, errors.New(path + " must be a file of at most 1 MiB")
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}
