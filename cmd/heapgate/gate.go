// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/internal/promapi"
	"github.com/heapgate/heapgate/internal/verdict"
)

const gateLong = `Ask a Prometheus-compatible store what one workload's garbage collector and maps did in a window, judge it by the policies, and
say so with the exit code.

The workload is NAMESPACE/NAME, NAMESPACE/KIND/NAME or CLUSTER/NAMESPACE/KIND/NAME. All its targets that were seen in the window are
judged, and the worst of them counts; give --image or --version to leave the processes of the previous version out.

What is missing, late, not a number, ambiguous or only part of an answer never passes: the verdict is then inconclusive. With --wait
the gate keeps asking until the evidence is there.

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
	cmd.AddCommand(newHookCommand(io))
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
	if err := r.write(io.out, s.output); err != nil {
		return &exitError{exitEvidence, err}
	}
	if code := r.exitCode(); code != exitPass {
		return &exitError{code: code}
	}
	return nil
}

// measure looks until there is a verdict or the patience is over.
func measure(ctx context.Context, s gateSettings, judge *judge, io streams) (report, error) {
	client, err := promapi.New(s.store, s.client)
	if err != nil {
		return report{}, err
	}
	look := func(ctx context.Context) report { return lookOnce(ctx, s, client, judge) }
	started := time.Now()
	r := await(ctx, s.wait, s.step, look, newProgress(io.err, s.wait, judge.minWindows()))
	r.started, r.finished = started, time.Now()
	return r, nil
}

// lookOnce gathers the evidence of the window that ends now, and judges it.
func lookOnce(ctx context.Context, s gateSettings, client *promapi.Client, judge *judge) report {
	now := time.Now()
	bounded, cancel := context.WithTimeout(ctx, s.client.Timeout)
	defer cancel()
	g := newGatherer(client, s, now)
	facts, err := g.gather(bounded)
	r := report{settings: s, judge: judge, address: client.Address(), asked: g.asked, warnings: g.warnings()}
	if err != nil {
		r.verdict = verdict.Failed(verdict.CodeEvidenceError, evidenceError(ctx, err))
		return r
	}
	r.evidence = &facts
	decided, findings, err := judge.judge(ctx, s.workload.String(), facts, now)
	switch {
	case err != nil && ctx.Err() != nil:
		r.verdict = verdict.Failed(verdict.CodeEvidenceError, interrupted)
	case err != nil:
		r.verdict = verdict.Failed(verdict.CodeConfigError, err.Error())
	default:
		r.verdict, r.findings = decided, findings
	}
	return r
}

const interrupted = "interrupted before there was a verdict; nothing was decided"

func evidenceError(ctx context.Context, err error) string {
	if errors.Is(ctx.Err(), context.Canceled) {
		return interrupted
	}
	var store *promapi.Error
	if errors.As(err, &store) && store.Kind == promapi.KindTooLarge {
		return err.Error() + "; narrow --workload, widen --step or raise --max-series"
	}
	return err.Error()
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
