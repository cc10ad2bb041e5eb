// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/heapgate/heapgate/policies"
)

// Every blob is where its digest says, and the layer is a bundle that opa reads and whose rules it evaluates with the limits in it.
func TestOCILayoutIsReadByOPA(t *testing.T) {
	files, _, err := exported("oci", policies.Embedded(), "")
	if err != nil {
		t.Fatal(err)
	}
	blob := func(d ociDescriptor) []byte {
		content, ok := files["blobs/"+strings.Replace(d.Digest, ":", "/", 1)]
		if sum := fmt.Sprintf("sha256:%x", sha256.Sum256(content)); !ok || d.Size != len(content) || sum != d.Digest {
			t.Fatalf("%+v: %d bytes with %s", d, len(content), sum)
		}
		return content
	}
	var index struct{ Manifests []ociDescriptor }
	if err := json.Unmarshal(files["index.json"], &index); err != nil || len(index.Manifests) != 1 {
		t.Fatal(index, err)
	}
	var manifest struct {
		SchemaVersion int
		Config        ociDescriptor
		Layers        []ociDescriptor
	}
	if err := json.Unmarshal(blob(index.Manifests[0]), &manifest); err != nil || manifest.SchemaVersion != 2 || len(manifest.Layers) != 1 {
		t.Fatal(manifest, err)
	}
	if blob(manifest.Config); manifest.Layers[0].MediaType != ociBundleType {
		t.Error(manifest.Layers[0].MediaType)
	}
	read, err := bundle.NewReader(bytes.NewReader(blob(manifest.Layers[0]))).WithRegoVersion(ast.RegoV1).WithProcessAnnotations(true).Read()
	if err != nil {
		t.Fatal(err)
	}
	var input any
	text := `{"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"heapgate.dev/guarded": "true"}}, "spec": {"containers": [{"name": "shop", "image": "x"}]}}`
	if err := json.Unmarshal([]byte(text), &input); err != nil {
		t.Fatal(err)
	}
	set, err := rego.New(rego.ParsedBundle("policies", &read), rego.Query("count(data.manifest.image.pinned.deny); data.limits.gc_cpu_share"), rego.Input(input)).Eval(t.Context())
	if err != nil || len(set) != 1 || fmt.Sprint(set[0].Expressions[0].Value) != "1" {
		t.Error(set, err)
	}
}
