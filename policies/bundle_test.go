// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/bundle"
)

// keyPair is an ES256 pair in PEM.
func keyPair(tb testing.TB, curve elliptic.Curve) (private, public []byte) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER}),
		pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})
}

func signed(tb testing.TB, limits map[string]any) (tarball, public []byte) {
	tb.Helper()
	private, public := keyPair(tb, elliptic.P256())
	tarball, err := SignBundle(Embedded(), limits, private)
	if err != nil {
		tb.Fatal(err)
	}
	return tarball, public
}

// entry is one file of a tar, in order.
type entry struct {
	name, text string
	kind       byte
}

func unpack(tb testing.TB, tarball []byte) []entry {
	tb.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(tarball))
	if err != nil {
		tb.Fatal(err)
	}
	var entries []entry
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			tb.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			tb.Fatal(err)
		}
		entries = append(entries, entry{header.Name, string(text), header.Typeflag})
	}
}

func repack(tb testing.TB, entries []entry) []byte {
	tb.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: 0o600}
		if e.kind == tar.TypeReg {
			header.Size = int64(len(e.text))
		} else {
			header.Linkname, e.text = e.text, ""
		}
		if err := archive.WriteHeader(header); err != nil {
			tb.Fatal(err)
		}
		if _, err := archive.Write([]byte(e.text)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zipped.Close()); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func TestBundleIsThePackItWasMadeOf(t *testing.T) {
	for name, limits := range map[string]map[string]any{
		"defaults": nil,
		"limits":   {"gc_cpu_share": 0.1, "map_growth": map[string]any{"min_rate": 1e21}, "evidence": map[string]any{"max_age_seconds": 1e-7}},
	} {
		t.Run(name, func(t *testing.T) {
			tarball, public := signed(t, limits)
			pack, err := LoadBundle(tarball, public, nil)
			if err != nil {
				t.Fatal(err)
			}
			folder, err := Load(os.DirFS("."), limits)
			if err != nil {
				t.Fatal(err)
			}
			if pack.Digest() != folder.Digest() {
				t.Errorf("want the digest of the folder %s, got %s", folder.Digest(), pack.Digest())
			}
			if diff := cmp.Diff(folder.Rules(), pack.Rules()) + cmp.Diff(folder.ManifestRules(), pack.ManifestRules()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(folder.limits, pack.limits); diff != "" {
				t.Error(diff)
			}
			want, err := folder.Evaluate(t.Context(), passing(t), now)
			if err != nil {
				t.Fatal(err)
			}
			got, err := pack.Evaluate(t.Context(), passing(t), now)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}

func TestLimitsReplaceThoseOfABundle(t *testing.T) {
	tarball, public := signed(t, map[string]any{"gc_cpu_share": 0.1})
	pack, err := LoadBundle(tarball, public, map[string]any{"heap_live_share": 0.5})
	if err != nil {
		t.Fatal(err)
	}
	if want := mustLoad(t, map[string]any{"gc_cpu_share": 0.1, "heap_live_share": 0.5}).Digest(); pack.Digest() != want {
		t.Error("want the limits of the bundle with the given ones in place")
	}
	var compile *CompileError
	if _, err := LoadBundle(tarball, public, map[string]any{"nothing": 1}); !errors.As(err, &compile) {
		t.Errorf("want a *CompileError for an unknown limit, got %v", err)
	}
}

// opa itself takes the bundle, with the key under the id that it looks for.
func TestOPAReadsAndVerifiesTheBundle(t *testing.T) {
	tarball, public := signed(t, nil)
	keys := map[string]*bundle.KeyConfig{"default": {Key: string(public), Algorithm: "ES256"}}
	read, err := bundle.NewReader(bytes.NewReader(tarball)).WithBundleVerificationConfig(bundle.NewVerificationConfig(keys, "default", "", nil)).Read()
	if err != nil {
		t.Fatal(err)
	}
	if read.Manifest.Revision != mustLoad(t, nil).Digest() || len(read.Modules) == 0 || read.Data["limits"] == nil {
		t.Errorf("unexpected bundle: %+v", read.Manifest)
	}
	if _, err := bundle.NewReader(bytes.NewReader(tarball)).Read(); err == nil {
		t.Error("opa takes a signed bundle without a key")
	}
}

// ECDSA signs with chance; everything else has the same bytes each time.
func TestBundleIsTheSameButForItsSignature(t *testing.T) {
	private, _ := keyPair(t, elliptic.P256())
	var first []entry
	for range 3 {
		tarball, err := SignBundle(Embedded(), map[string]any{"gc_cpu_share": 0.1}, private)
		if err != nil {
			t.Fatal(err)
		}
		entries := unpack(t, tarball)
		at := slices.IndexFunc(entries, func(e entry) bool { return e.name == "/.signatures.json" })
		if at < 0 {
			t.Fatal("no signature")
		}
		signature := entries[at].text
		entries[at].text = ""
		if first == nil {
			first = entries
			continue
		}
		if diff := cmp.Diff(first, entries, cmp.AllowUnexported(entry{})); diff != "" {
			t.Error(diff)
		}
		if claims := strings.Split(signature, "."); len(claims) != 3 {
			t.Errorf("want one JSON web token, got %s", signature)
		}
	}
}

// A signature is no excuse: what is signed must still be a pack.
func TestSignedBundleMustBeAPack(t *testing.T) {
	private, public := keyPair(t, elliptic.P256())
	sign := func(change func(*bundle.Bundle)) []byte {
		src, err := readSource(Embedded())
		if err != nil {
			t.Fatal(err)
		}
		made, err := src.bundle(mustLoad(t, nil))
		if err != nil {
			t.Fatal(err)
		}
		change(&made)
		if err := made.GenerateSignature(bundle.NewSigningConfig(string(private), "ES256", ""), keyID, true); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := bundle.NewWriter(&out).UseModulePath(true).DisableFormat(true).Write(made); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	var compile *CompileError
	broken := sign(func(b *bundle.Bundle) { b.Modules[0].Raw = []byte("package") })
	if _, err := LoadBundle(broken, public, nil); !errors.As(err, &compile) {
		t.Errorf("broken rule: want a *CompileError, got %v", err)
	}
	var malformed *BundleError
	more := sign(func(b *bundle.Bundle) { b.Data["verdict"] = "pass" })
	if _, err := LoadBundle(more, public, nil); !errors.As(err, &malformed) || malformed.Kind != BundleMalformed {
		t.Errorf("more data: want a malformed bundle, got %v", err)
	}
	if _, err := LoadBundle(sign(func(*bundle.Bundle) {}), public, nil); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

func TestNothingButAPackAndAKeyIsSigned(t *testing.T) {
	private, public := keyPair(t, elliptic.P256())
	private384, _ := keyPair(t, elliptic.P384())
	for name, key := range map[string][]byte{"none": nil, "public": public, "other curve": private384, "a file's name": []byte("/etc/hostname")} {
		if _, err := SignBundle(Embedded(), nil, key); err == nil || !strings.Contains(err.Error(), "want a P-256 private key in PEM") {
			t.Errorf("%s: want the key to be refused, got %v", name, err)
		}
	}
	var compile *CompileError
	if _, err := SignBundle(os.DirFS(t.TempDir()), nil, private); !errors.As(err, &compile) {
		t.Errorf("want a *CompileError for an empty folder, got %v", err)
	}
	if _, err := SignBundle(Embedded(), map[string]any{"nothing": 1}, private); !errors.As(err, &compile) {
		t.Errorf("want a *CompileError for an unknown limit, got %v", err)
	}
}
