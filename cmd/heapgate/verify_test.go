// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/attest"
	"github.com/heapgate/heapgate/internal/bundle"
)

const shopImage = "sha256:4f1c0000000000000000000000000000000000000000000000000000000000aa"

// failingImage is what fails, of a known image.
const failingImage = "target a:1 {oci_manifest_digest=\"" + shopImage + "\"}\nheapgate_signal_gc_cpu_share_ratio{heapgate_source=\"gctrace\"} 0.9x60\n"

// command runs one command line and returns its exit code and what it wrote.
func command(t testing.TB, args ...string) (code int, out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, streams{in: strings.NewReader(""), out: &stdout, err: &stderr})
	return code, stdout.String(), stderr.String()
}

// expect runs a command line that must end with this exit code and say these words on one of its outputs.
func expect(t testing.TB, want int, words string, args ...string) string {
	t.Helper()
	code, out, err := command(t, args...)
	if code != want || !strings.Contains(out+err, words) {
		t.Errorf("%s: exit code %d, want %d with %q\n%s%s", strings.Join(args, " "), code, want, words, out, err)
	}
	return out
}

func keysIn(t testing.TB) (private, public string) {
	t.Helper()
	dir := t.TempDir()
	expect(t, 0, "heapgate-verdicts.pub", "keygen", "--out", dir)
	return filepath.Join(dir, "heapgate-verdicts.key"), filepath.Join(dir, "heapgate-verdicts.pub")
}

func TestKeygen(t *testing.T) {
	private, public := keysIn(t)
	for _, path := range []string{private, public} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
	expect(t, 40, "file exists", "keygen", "--out", filepath.Dir(private))
	expect(t, 40, "--out is required", "keygen")
}

// TestVerify: what the gate signs is verified, and nothing else; the exit codes are those that the help says.
func TestVerify(t *testing.T) {
	private, public := keysIn(t)
	_, other := keysIn(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	r := judged(t, failingImage, gateFlags{image: shopImage}, single(storeNow))
	kept, err := keepBundle(t.Context(), r, at("signed"), private)
	digest := kept.digest
	if err != nil {
		t.Fatal(err)
	}
	unsigned, err := keepBundle(t.Context(), r, at("unsigned"), "")
	if err != nil || unsigned.digest != digest {
		t.Errorf("the signature changes the digest: %s and %s, %v", digest, unsigned.digest, err)
	}
	policy := r.judge.pack.Digest()
	said := expect(t, 0, "VERIFIED: https://heapgate.dev/gate/v1 says fail about "+shopImage, "verify", at("signed"), "--key", public, "--max-age", "0", "--image", "shop@"+shopImage, "--policy", policy, "--verdict", "fail")
	for _, words := range []string{digest, policy, "demo/shop/Deployment/shop", "GC-001"} {
		if !strings.Contains(said, words) {
			t.Errorf("no %s in\n%s", words, said)
		}
	}
	expect(t, 0, `"verdict": "fail"`, "verify", at("signed"), "--key", other, "--key", public, "--max-age", "0", "-o", "json")
	expect(t, 0, "SAME", "replay", at("signed"))
	none := "sha256:" + strings.Repeat("0", 64)
	for _, c := range []struct {
		code  int
		words string
		args  []string
	}{
		{10, "(untrusted)", []string{at("signed"), "--key", other, "--max-age", "0"}},
		{10, "(unsigned)", []string{at("unsigned"), "--key", public, "--max-age", "0"}},
		{10, "(subject)", []string{at("signed"), "--key", public, "--max-age", "0", "--image", none}},
		{10, "(digest)", []string{at("signed"), "--key", public, "--max-age", "0", "--policy", none}},
		{10, "(verdict)", []string{at("signed"), "--key", public, "--max-age", "0", "--verdict", "pass"}},
		{40, "--key is required", []string{at("signed")}},
		{40, "(key)", []string{at("signed"), "--key", private}},
		{40, "no such file", []string{at("signed"), "--key", at("none")}},
		{40, "no such file", []string{at("none"), "--key", public}},
		{40, "--max-age must not be negative", []string{at("signed"), "--key", public, "--max-age", "-1s"}},
		{40, "--policy must be", []string{at("signed"), "--key", public, "--policy", "latest"}},
		{40, "--image must be", []string{at("signed"), "--key", public, "--image", "shop:latest"}},
		{40, "--verdict must be", []string{at("signed"), "--key", public, "--verdict", "PASS"}},
		{40, "--output must be", []string{at("signed"), "--key", public, "-o", "yaml"}},
		{30, "want a gzipped tar", []string{public, "--key", public}},
	} {
		expect(t, c.code, c.words, append([]string{"verify"}, c.args...)...)
	}
	old := time.Since(storeNow) > 25*time.Hour || time.Until(storeNow) > 6*time.Minute
	if old { // Else this runs on the day of the fixtures.
		expect(t, 10, "(expired)", "verify", at("signed"), "--key", public)
	}
}

// TestVerifyTampering: whoever changes a sample and makes the manifest anew cannot make the signature anew.
func TestVerifyTampering(t *testing.T) {
	private, public := keysIn(t)
	r := judged(t, failingImage, gateFlags{image: shopImage}, single(storeNow))
	b := bundled(t, r)
	if err := signBundle(t.Context(), b, r, private); err != nil {
		t.Fatal(err)
	}
	changed := changedFile(t, b, bundle.Answers, `"0.9"`, `"0.03"`)
	if err := changed.Attach(b.Attestation()); err != nil {
		t.Fatal(err)
	}
	place := filepath.Join(t.TempDir(), "b")
	if err := storeBundle(t.Context(), place, changed); err != nil {
		t.Fatal(err)
	}
	expect(t, 10, "(digest): the statement is about the evidence "+b.Digest(), "verify", place, "--key", public, "--max-age", "0")
	// Signed by the right key and still not what is in the bundle: the signer contradicts itself.
	lying := r
	lying.verdict.Outcome, lying.verdict.WouldBe = "pass", "pass"
	b = bundled(t, r)
	claim, err := claimOf(lying, b.Digest())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := signerOf(private)
	if err != nil {
		t.Fatal(err)
	}
	envelopes, err := attest.Sign(t.Context(), claim, signer)
	if err := errors.Join(err, b.Attach(envelopes), storeBundle(t.Context(), place, b)); err != nil {
		t.Fatal(err)
	}
	expect(t, 10, "the statement says pass by", "verify", place, "--key", public, "--max-age", "0")
}

// TestSigners: a key in a file, a command, and what is neither.
func TestSigners(t *testing.T) {
	private, public := keysIn(t)
	dir := t.TempDir()
	r := judged(t, failing, gateFlags{}, single(storeNow))
	if _, err := keepBundle(t.Context(), r, filepath.Join(dir, "b"), private); err == nil || !strings.Contains(err.Error(), "give --image") {
		t.Errorf("got %v", err)
	}
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return "exec:" + path
	}
	file, err := signerOf(private)
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("DSSEv1 0  0 ")
	signature, err := file.Sign(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	good, err := signerOf(script("good", "cat > "+dir+"/asked\necho "+base64.StdEncoding.EncodeToString(signature)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := good.Sign(t.Context(), data)
	asked, _ := os.ReadFile(filepath.Join(dir, "asked"))
	if err != nil || !bytes.Equal(got, signature) || !bytes.Equal(asked, data) {
		t.Errorf("got %x, %v; the command read %q", got, err, asked)
	}
	for _, c := range []struct{ spec, words string }{
		{script("fails", "echo no token >&2; exit 3"), "exit status 3: no token"},
		{script("talks", "echo hello, world"), "must write the signature in base64"},
		{script("silent", "cat > /dev/null"), "must write the signature in base64"},
		{script("endless", "head -c 1000000 /dev/zero | tr '\\000' '!'"), "must write the signature in base64"},
		{"exec:" + filepath.Join(dir, "none"), "no such file"},
	} {
		signer, err := signerOf(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signer.Sign(t.Context(), data); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: got %v, want %q", c.spec, err, c.words)
		}
	}
	for spec, words := range map[string]string{"exec:": "want a command", public: "want an Ed25519", filepath.Join(dir, "none"): "no such file"} {
		if _, err := signerOf(spec); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: got %v, want %q", spec, err, words)
		}
	}
}
