// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heapgate/heapgate/internal/verdict"
	"github.com/heapgate/heapgate/policies"
)

// TestPoliciesOfABundle: those built in, a directory, and a signed bundle come back with the digest that has decided; one that has changed
// in between is refused; and others can be asked about the same evidence.
func TestPoliciesOfABundle(t *testing.T) {
	dir, keys := t.TempDir(), t.TempDir()
	if err := os.CopyFS(dir, policies.Embedded()); err != nil {
		t.Fatal(err)
	}
	limits := filepath.Join(keys, "limits.yaml")
	signed, signing := filepath.Join(keys, "bundle.tar.gz"), filepath.Join(keys, "heapgate-policies.key")
	if err := os.WriteFile(limits, []byte("limits: {gc_cpu_share: 0.5, evidence: {min_windows: 2}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"policies", "keygen", "--out", keys}, {"policies", "pack", dir, "--limits", limits, "--signing-key", signing, "--out", signed}} {
		if code := run(t.Context(), args, streams{out: io.Discard, err: os.Stderr}); code != 0 {
			t.Fatalf("%v: exit code %d", args, code)
		}
	}
	for _, flags := range []gateFlags{{limits: limits}, {policies: signed, policyKey: filepath.Join(keys, "heapgate-policies.pub")}} {
		r := judged(t, failing, flags, single(storeNow))
		o := unpacked(t, bundled(t, r))
		again, err := o.judge()
		if err != nil || again.pack.Digest() != r.judge.pack.Digest() {
			t.Errorf("%+v: got %v, %v", flags, again, err)
		}
	}

	r := judged(t, failing, gateFlags{policies: dir, limits: limits}, single(storeNow))
	o := unpacked(t, bundled(t, r))
	own, err := o.judge()
	if err != nil {
		t.Fatal(err)
	}
	result, err := o.replay(t.Context(), own)
	if err != nil || !result.same() {
		t.Fatalf("%v\n%s", err, result.text())
	}
	if err := o.asked(t.Context(), false, policyPlace{}, map[string]any{"gc_cpu_share": 0.95}, &result); err != nil {
		t.Fatal(err)
	}
	if !result.reproduced() || result.same() || result.Other.Verdict == verdict.Fail || result.Other.Policy == result.Policy {
		t.Errorf("%s", result.text())
	}
	rule := filepath.Join(dir, "gate", "gc", "cpu_share.rego")
	text, err := os.ReadFile(rule)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(rule, append(text, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bundleOf(r); err == nil || !strings.Contains(err.Error(), "they have changed since they decided") {
		t.Errorf("got %v", err)
	}
}
