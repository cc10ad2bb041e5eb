// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	opa "github.com/open-policy-agent/opa/v1/version"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
	"github.com/heapgate/heapgate/internal/attest"
	"github.com/heapgate/heapgate/internal/bundle"
	"github.com/heapgate/heapgate/internal/verdict"
)

// verifierID says who decides. It changes with what a verdict means, not with every version.
const verifierID = "https://heapgate.dev/gate/v1"

// keepBundle bundles a report, signs it if there is a key, and stores it. Profiles for which there is no room are left out.
// errNothingMeasured: there is nothing to keep.
func keepBundle(ctx context.Context, r report, place, signKey string) (keptBundle, error) {
	to, err := parseBundlePlace(place)
	if err != nil {
		return keptBundle{}, err
	}
	kept, err := fitBundle(ctx, r, to.room(), signKey)
	if err != nil {
		return keptBundle{}, err
	}
	err = storeBundle(ctx, place, kept.bundle)
	if len(kept.profiles) > len(kept.leftOut()) && cluster.IsTooLarge(err) { // There is something else in this ConfigMap.
		if kept, err = fitBundle(ctx, r, 0, signKey); err == nil {
			err = storeBundle(ctx, place, kept.bundle)
		}
	}
	return kept, err
}

// signBundle attaches the statements about the image that was judged. Without the image's digest there is nothing to make a statement of.
func signBundle(ctx context.Context, b *bundle.Bundle, r report, signKey string) error {
	signer, err := signerOf(signKey)
	if err != nil {
		return err
	}
	claim, err := claimOf(r, b.Digest())
	if err != nil {
		return err
	}
	envelopes, err := attest.Sign(ctx, claim, signer)
	if err != nil {
		return err
	}
	return b.Attach(envelopes)
}

func claimOf(r report, evidence string) (attest.Claim, error) {
	judged := r.settings.workload
	if r.evidence != nil {
		judged = r.evidence.Workload
	}
	if judged.ImageDigest == "" {
		return attest.Claim{}, errors.New("a statement is about an image, and it is not known which one was judged; give --image")
	}
	c := attest.Claim{
		Image: judged.String(), Digest: judged.ImageDigest, Workload: judged.String(), Verifier: verifierID, Version: version(), Created: r.moment.Now,
		Outcome: string(r.verdict.Outcome), WouldBe: string(wouldBe(r.verdict)), Evidence: evidence, Policy: r.judge.pack.Digest(), OPA: opa.Version,
		WindowStart: r.moment.Now.Add(-r.settings.window), WindowEnd: r.moment.Now, Baseline: baselineNone,
	}
	if r.evidence != nil && r.evidence.Comparison != nil {
		c.Baseline = r.evidence.Comparison.Baseline.Kind
	}
	for _, one := range r.verdict.Reasons {
		c.Reasons = append(c.Reasons, attest.Reason{Code: one.Code, Rules: one.Rules, Text: one.Text})
	}
	c.Excepted = exceptionsOf(r.verdict)
	return c, nil
}

// wouldBe is the outcome without exceptions and modes; a verdict that knows of none would be what it is.
func wouldBe(v verdict.Verdict) verdict.Outcome {
	if v.WouldBe == "" {
		return v.Outcome
	}
	return v.WouldBe
}

// exceptionsOf are the names of the exceptions that excused something, each once.
func exceptionsOf(v verdict.Verdict) []string {
	var all []string
	for _, one := range v.Reasons {
		if one.Exception != "" {
			all = append(all, one.Exception)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// signerOf is a private key in a file, or exec:COMMAND for a key that a key management service keeps.
func signerOf(spec string) (attest.Signer, error) {
	if command, ok := strings.CutPrefix(spec, "exec:"); ok {
		words := strings.Fields(command)
		if len(words) == 0 {
			return nil, errors.New("want a command behind exec: (got none)")
		}
		return commandSigner(words), nil
	}
	text, err := readLimited(spec, 1<<20)
	if err != nil {
		return nil, err
	}
	return attest.ParseSigner(text)
}

// commandSigner is a command that reads what is to be signed (DSSE's PAE) from standard input and writes the signature in base64. It is
// run without a shell, and with the environment of this process, because that is where credentials of clouds are.
type commandSigner []string

const (
	signTimeout  = time.Minute
	maxSignature = 16 << 10
)

// KeyID is not known; it is a hint that verifiers can do without.
func (commandSigner) KeyID() (string, error) { return "", nil }

func (c commandSigner) Sign(ctx context.Context, data []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, signTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, c[0], c[1:]...)
	command.Stdin, command.WaitDelay = bytes.NewReader(data), time.Second
	var out, said capped
	command.Stdout, command.Stderr = &out, &said
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", c[0], err, printable(strings.TrimSpace(said.String())))
	}
	signature, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(out.String()), ""))
	if err != nil || len(signature) == 0 {
		return nil, fmt.Errorf("%s must write the signature in base64 (got %d bytes of something else)", c[0], out.Len())
	}
	return signature, nil
}

// capped keeps the start of what is written to it.
type capped struct{ bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	_, err := c.Buffer.Write(p[:min(len(p), maxSignature-c.Len())])
	return len(p), err
}
