// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/internal/attest"
	"github.com/heapgate/heapgate/internal/bundle"
)

const verifyLong = `Say whether an evidence bundle is signed by a key that you trust, and what was signed: which verdict about which image, by which
policies, and when. The statements are in-toto attestations in DSSE envelopes, signed over the digest of the bundle, so a bundle that
verifies is the one that the gate wrote.

What you want of it can be asked for with --image, --policy, --verdict and --max-age; a deployment should ask for all four. Whether the
verdict follows from the evidence says heapgate replay.

BUNDLE is a file, - for standard input, or configmap://NAMESPACE/NAME[/DIGEST].

Exit codes:
   0  signed by one of the keys, and as wanted
  10  refused: not signed, by another key, about another image, by other policies, too old, another verdict
  30  the bundle is damaged or was tampered with
  40  a mistake in the command line, or the bundle or a key cannot be had`

const verifyExample = `  heapgate verify bundle.tar.gz --key heapgate-verdicts.pub --image sha256:4f1c... --verdict pass
  heapgate verify configmap://shop/heapgate-evidence --key old.pub --key new.pub --max-age 1h -o json`

type verifyCommand struct {
	streams
	keys                           []string
	image, policy, verdict, output string
	maxAge                         time.Duration
}

func newVerifyCommand(io streams) *cobra.Command {
	c := &verifyCommand{streams: io}
	cmd := &cobra.Command{
		Use:     "verify BUNDLE --key PUBLIC.pem",
		Short:   "Say who signed a verdict, and whether it is the one that is wanted",
		Long:    verifyLong,
		Example: verifyExample,
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args[0]) },
	}
	set := cmd.Flags()
	set.StringArrayVar(&c.keys, "key", nil, "`FILE` with a public key in PEM, Ed25519 or P-256, that is trusted (required; may be repeated)")
	set.StringVar(&c.image, "image", "", "`DIGEST` of the image that the verdict must be about, sha256:... or NAME@sha256:...")
	set.StringVar(&c.policy, "policy", "", "`DIGEST` of the policies that must have decided")
	set.StringVar(&c.verdict, "verdict", "", "verdict that is wanted: pass, fail, inconclusive or error")
	set.DurationVar(&c.maxAge, "max-age", 24*time.Hour, "how long ago the evidence may end; 0: any time")
	set.StringVarP(&c.output, "output", "o", "text", "text or json")
	// The only error is a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(bundleOutputs, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("verdict", cobra.FixedCompletions(verdicts, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

var verdicts = []string{"pass", "fail", "inconclusive", "error"}

func (c *verifyCommand) run(ctx context.Context, place string) error {
	keys, want, err := c.wanted()
	if err != nil {
		return err
	}
	b, err := readBundle(ctx, place, c.streams)
	if err != nil {
		return err
	}
	want.Evidence, want.Now = b.Digest(), time.Now()
	claim, err := attest.Verify(ctx, b.Attestation(), keys, want)
	if err == nil {
		err = agrees(claim, b)
	}
	var key *attest.Error
	if errors.As(err, &key) && key.Kind == attest.KindKey {
		return err
	}
	if err != nil {
		return &exitError{exitFail, fmt.Errorf("REFUSED: %w", err)}
	}
	return c.write(claim, b)
}

// wanted checks the flags, every one of them.
func (c *verifyCommand) wanted() ([]attest.Key, attest.Want, error) {
	var problems []error
	want := attest.Want{Policy: c.policy, Verdict: c.verdict, MaxAge: c.maxAge}
	var err error
	if want.Image, err = parseImage(c.image); err != nil {
		problems = append(problems, err)
	}
	if c.policy != "" && !digest.MatchString(c.policy) {
		problems = append(problems, fmt.Errorf("--policy must be sha256: and 64 hex digits (got %q)", c.policy))
	}
	if c.verdict != "" && !slices.Contains(verdicts, c.verdict) {
		problems = append(problems, fmt.Errorf("--verdict must be one of %s (got %q)", strings.Join(verdicts, ", "), c.verdict))
	}
	if c.maxAge < 0 {
		problems = append(problems, fmt.Errorf("--max-age must not be negative (got %s)", c.maxAge))
	}
	if !slices.Contains(bundleOutputs, c.output) {
		problems = append(problems, fmt.Errorf("--output must be %s (got %q)", strings.Join(bundleOutputs, " or "), c.output))
	}
	if len(c.keys) == 0 {
		problems = append(problems, errors.New("--key is required: the file of a public key, as `heapgate keygen` writes it"))
	}
	var keys []attest.Key
	for _, path := range c.keys {
		text, err := readLimited(path, 1<<20)
		if err == nil {
			var key attest.Key
			key, err = attest.ParseKey(text)
			keys = append(keys, key)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("--key %s: %w", path, err))
		}
	}
	return keys, want, errors.Join(problems...)
}

// agrees holds what was signed to what is in the bundle: a signer that contradicts its own evidence is not believed.
func agrees(claim attest.Claim, b *bundle.Bundle) error {
	o, err := openRecord(b)
	if errors.Is(err, errNoEvidence) {
		return nil // The verdict is an error, and the statement says so.
	}
	if err != nil {
		return err
	}
	if string(o.decision.Verdict) != claim.Outcome || o.decision.Policy.Digest != claim.Policy {
		return fmt.Errorf("the statement says %s by the policies %s, the bundle %s by %s", claim.Outcome, claim.Policy, o.decision.Verdict, o.decision.Policy.Digest)
	}
	return nil
}

// verified is what verify says. Its fields are an interface: they are added to, never renamed.
type verified struct {
	Verdict    string          `json:"verdict"`
	WouldBe    string          `json:"would_be"`
	Image      string          `json:"image"`
	Workload   string          `json:"workload"`
	Policy     string          `json:"policy"`
	Bundle     string          `json:"bundle"`
	Created    string          `json:"created"`
	Verifier   string          `json:"verifier"`
	Baseline   string          `json:"baseline"`
	Exceptions []string        `json:"exceptions"`
	Reasons    []attest.Reason `json:"reasons"`
}

func (c *verifyCommand) write(claim attest.Claim, b *bundle.Bundle) error {
	v := verified{
		claim.Outcome, claim.WouldBe, claim.Digest, claim.Workload, claim.Policy, b.Digest(), claim.Created.UTC().Format(time.RFC3339), claim.Verifier,
		claim.Baseline, append([]string{}, claim.Excepted...), append([]attest.Reason{}, claim.Reasons...),
	}
	if c.output == "json" {
		text, err := indented(v)
		if err != nil {
			return err
		}
		_, err = c.out.Write(text)
		return err
	}
	var out bytes.Buffer
	line := func(format string, args ...any) { out.WriteString(printable(fmt.Sprintf(format, args...)) + "\n") }
	line("VERIFIED: %s says %s about %s", v.Verifier, v.Verdict, v.Image)
	line("")
	line("workload  %s", v.Workload)
	line("decided   %s, against the baseline %s", v.Created, v.Baseline)
	line("policies  %s", v.Policy)
	line("bundle    %s", v.Bundle)
	if v.WouldBe != v.Verdict {
		line("without exceptions and modes it would be %s; exceptions: %s", v.WouldBe, strings.Join(v.Exceptions, ", "))
	}
	for _, reason := range v.Reasons {
		line("%s [%s]", reason.Text, strings.Join(reason.Rules, ", "))
	}
	_, err := c.out.Write(out.Bytes())
	return err
}
