// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/internal/bundle"
	"github.com/heapgate/heapgate/internal/verdict"
)

const replayLong = `Derive the verdict of an evidence bundle again: from its settings, its policies and the store's answers, without any store, network or
clock. Evidence, statistics, findings and verdict must come out byte for byte.

Heap profiles that were kept with the evidence (gate --profile) are held to their hashes and listed; no verdict stands on them.

With --policies or --limits the recorded verdict is derived first, and then what these would have said to the same evidence.

BUNDLE is a file, - for standard input, or configmap://NAMESPACE/NAME[/DIGEST]. Who signed it says heapgate verify.

Exit codes:
   0  the same verdict on the same evidence; with --policies or --limits: they would give the same outcome
  10  not the same: each file and field that differs is printed
  30  the bundle is damaged, was tampered with, or holds no evidence because the store had failed
  40  a mistake in the command line, or the bundle cannot be had`

const replayExample = `  heapgate replay bundle.tar.gz
  heapgate replay configmap://shop/heapgate-evidence -o json

  # What would the policies of this branch have said?
  heapgate replay bundle.tar.gz --policies policies/`

type replayCommand struct {
	streams
	output, policies, policyKey, limits string
}

func newReplayCommand(io streams) *cobra.Command {
	c := &replayCommand{streams: io}
	cmd := &cobra.Command{
		Use:     "replay BUNDLE",
		Short:   "Derive a verdict again from its evidence bundle, offline",
		Long:    replayLong,
		Example: replayExample,
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args[0]) },
	}
	set := cmd.Flags()
	set.StringVar(&c.policies, "policies", "", "`SOURCE` of other policies, as for the gate: ask what they would have said")
	set.StringVar(&c.policyKey, "policy-key", "", "public key that a bundle of policies must be signed for")
	set.StringVar(&c.limits, "limits", "", "YAML `FILE` with other limits: ask what they would have said")
	set.StringVarP(&c.output, "output", "o", "text", "text or json")
	// The only error is a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(bundleOutputs, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// bundleOutputs are the forms in which replay and verify answer.
var bundleOutputs = []string{"text", "json"}

func (c *replayCommand) run(ctx context.Context, place string) error {
	if !slices.Contains(bundleOutputs, c.output) {
		return fmt.Errorf("--output must be %s (got %q)", strings.Join(bundleOutputs, " or "), c.output)
	}
	other, err := parsePolicies(c.policies, c.policyKey)
	if err != nil {
		return err
	}
	limits, err := parseLimitsFile(c.limits)
	if err != nil {
		return err
	}
	b, err := readBundle(ctx, place, c.streams)
	if err != nil {
		return err
	}
	from, err := openRecord(b)
	if err != nil {
		return &exitError{exitEvidence, fmt.Errorf("%s: %w", b.Digest(), err)}
	}
	judge, err := from.judge()
	if err != nil {
		return &exitError{exitEvidence, err}
	}
	result, err := from.replay(ctx, judge)
	if err != nil {
		return &exitError{exitEvidence, err}
	}
	if c.policies != "" || c.limits != "" {
		if limits == nil {
			limits = from.settings.limits
		}
		if err := from.asked(ctx, c.policies != "", other, limits, &result); err != nil {
			return err
		}
	}
	if err := result.write(c.out, c.output); err != nil {
		return &exitError{exitEvidence, err}
	}
	if !result.same() {
		return &exitError{code: exitFail}
	}
	return nil
}

// readBundle reads a bundle of a command line. A bundle that is none is the exit code 30.
func readBundle(ctx context.Context, place string, io streams) (*bundle.Bundle, error) {
	from, err := parseBundlePlace(place)
	if err != nil {
		return nil, err
	}
	packed, err := from.load(ctx, io.in)
	if err != nil {
		return nil, err
	}
	b, err := bundle.Read(packed, bundle.DefaultLimits())
	if err != nil {
		return nil, &exitError{exitEvidence, err}
	}
	return b, nil
}

// replay makes the look again and compares every file that comes of it.
func (o *opened) replay(ctx context.Context, judge *judge) (replayed, error) {
	r := lookOnce(ctx, o.settings, newRecordedStore(o.environment.Store, o.answers), judge, o.moment)
	if err := ctx.Err(); err != nil {
		return replayed{}, fmt.Errorf("interrupted: %w", err)
	}
	files, err := derived(r)
	if err != nil {
		return replayed{}, err
	}
	result := replayed{
		Bundle: o.bundle.Digest(), Policy: o.decision.Policy.Digest, Environment: o.environment, Recorded: shortVerdict{o.decision.Verdict, o.decision.Summary},
		Replayed: shortVerdict{r.verdict.Outcome, r.verdict.Summary}, Signed: len(o.bundle.Attestation()) > 0, Profiles: o.profiles(),
	}
	result.compare(o.bundle, files)
	return result, nil
}

// asked says what other policies or limits would say to the same answers.
func (o *opened) asked(ctx context.Context, others bool, place policyPlace, limits map[string]any, result *replayed) error {
	settings := o.settings
	settings.limits = limits
	judge, err := place.judge(ctx, nil, limits)
	if !others {
		judge, err = (&opened{policy: o.policy, settings: settings}).judge()
	}
	if err != nil {
		return err
	}
	r := lookOnce(ctx, settings, newRecordedStore(o.environment.Store, o.answers), judge, o.moment)
	result.Other = &otherVerdict{judge.pack.Digest(), shortVerdict{r.verdict.Outcome, r.verdict.Summary}}
	return ctx.Err()
}

// errNoEvidence is about a bundle that was made when the store had failed.
var errNoEvidence = errors.New("there is no evidence in this bundle, so there is nothing to derive")

func (d recordedDecision) replayable() error {
	if d.Verdict != verdict.Error {
		return nil
	}
	for _, reason := range d.Reasons {
		if reason.Code == verdict.CodeEvidenceError {
			return fmt.Errorf("%w; the gate said: %s", errNoEvidence, printable(d.Summary))
		}
	}
	return nil
}
