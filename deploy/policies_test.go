// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/heapgate/heapgate/policies"
)

// A bundle gets through kustomize and a ConfigMap as it was signed, under the name and the key where gates look for it.
func TestBundleArrivesAsItWasSigned(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := policies.SignBundle(policies.Embedded(), nil, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS("policies")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "bundle.tar.gz"), bundle, 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := build(folder)
	if err != nil {
		t.Fatal(err)
	}
	all := parse(t, text)
	delivered := one(t, all, "ConfigMap", "heapgate-policies")
	arrived, err := base64.StdEncoding.DecodeString(delivered.text("binaryData", "bundle.tar.gz"))
	if err != nil || delivered.name() != "heapgate-policies" || delivered.text("metadata", "namespace") != "heapgate" {
		t.Fatalf("want heapgate/heapgate-policies with a bundle (got %v, %v)", delivered.at("metadata"), err)
	}
	pack, err := policies.LoadBundle(arrived, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), nil)
	if err != nil || pack.Digest() == "" {
		t.Errorf("the delivered bundle does not load: %v", err)
	}
	binding := one(t, all, "RoleBinding", "heapgate-policies-reader")
	if binding.at("subjects", "0", "name") != "system:serviceaccounts" || binding.text("roleRef", "name") != one(t, all, "Role", "heapgate-policies-reader").name() {
		t.Errorf("gates may not read it: %v", binding)
	}
}
