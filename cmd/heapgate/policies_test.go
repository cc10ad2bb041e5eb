// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"
)

// keys writes a pair and names its two files.
func keys(t *testing.T) (private, public string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	if err := keygen(streams{out: &bytes.Buffer{}}, dir); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "heapgate-policies.key"), filepath.Join(dir, "heapgate-policies.pub")
}

func TestKeysAreTheirOwnersAlone(t *testing.T) {
	private, public := keys(t)
	for _, path := range []string{private, public} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want 0600", path, info.Mode(), err)
		}
	}
}

// The gate that reads the ConfigMap judges by what was packed, and names the digest that the ConfigMap does.
func TestConfigMapHoldsTheBundle(t *testing.T) {
	private, public := keys(t)
	limits := filepath.Join(t.TempDir(), "limits.yaml")
	if err := os.WriteFile(limits, []byte("limits: {gc_cpu_share: 0.1}"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := packFlags{limits: limits, signingKey: private, output: "configmap", namespace: "heapgate", name: "heapgate-policies"}
	text, err := f.pack([]string{filepath.FromSlash("../../policies")})
	if err != nil {
		t.Fatal(err)
	}
	var object struct {
		APIVersion, Kind string
		Metadata         struct {
			Name, Namespace string
			Annotations     map[string]string
		}
		BinaryData map[string][]byte
	}
	if err := yaml.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	if object.Kind != "ConfigMap" || object.APIVersion != "v1" || object.Metadata.Name != f.name || object.Metadata.Namespace != f.namespace {
		t.Errorf("%+v", object)
	}
	key, err := os.ReadFile(public)
	if err != nil {
		t.Fatal(err)
	}
	j, err := newJudge(policySource{bundle: object.BinaryData["bundle.tar.gz"], key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if digest := object.Metadata.Annotations["heapgate.dev/policy-digest"]; j.pack.Digest() != digest {
		t.Errorf("the ConfigMap names %s, the judge is %s", digest, j.pack.Digest())
	}
	if limit := j.limit("gc_cpu_share"); limit == nil || *limit != 0.1 {
		t.Errorf("limit is %v", limit)
	}
	if _, err := newJudge(policySource{directory: "x", bundle: []byte{}}, nil); err == nil {
		t.Error("a directory and a bundle at once were taken")
	}
}
