// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/heapgate/heapgate/policies"
	"github.com/heapgate/heapgate/policies/gatekeeper"
	"github.com/heapgate/heapgate/policies/vap"
)

// Media types of a bundle as opa and conftest pull it (the OCI image specification 1.0, and OPA's documentation of OCI bundles).
const (
	ociManifestType = "application/vnd.oci.image.manifest.v1+json"
	ociConfigType   = "application/vnd.oci.image.config.v1+json"
	ociIndexType    = "application/vnd.oci.image.index.v1+json"
	ociBundleType   = "application/vnd.cncf.openpolicyagent.layer.v1.tar+gzip"
)

// exported are the files of a form, and what the user should know of them.
func exported(form string, source fs.FS, bundle string) (files map[string][]byte, notes []string, err error) {
	if bundle != "" && form != "oci" {
		return nil, nil, errors.New("--bundle goes with oci")
	}
	pack, err := policies.Load(source, nil)
	if err != nil {
		return nil, nil, err
	}
	switch form {
	case "gatekeeper":
		made, skipped, err := gatekeeper.Files(source)
		for _, s := range skipped {
			notes = append(notes, fmt.Sprintf("%s has no template: it %s", s.ID, s.Reason))
		}
		return made, notes, err
	case "vap":
		files, err = vap.Files(pack)
		return files, nil, err
	case "oci":
		files, err = exportOCI(pack, bundle, func() ([]byte, error) { return plainBundle(source, pack.Digest()) })
		return files, nil, err
	}
	return nil, nil, fmt.Errorf("want one of %s (got %q)", strings.Join(exportForms, ", "), form)
}

// plainBundle is an unsigned bundle: the rules, the limits as data.yaml and the manifest, in the order of their names, without times.
func plainBundle(source fs.FS, digest string) ([]byte, error) {
	entries := map[string][]byte{}
	err := fs.WalkDir(source, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		isRule := path.Ext(name) == ".rego" && !strings.HasSuffix(name, "_test.rego")
		if !isRule && name != "data/defaults.yaml" {
			return nil
		}
		text, err := fs.ReadFile(source, name)
		if name == "data/defaults.yaml" {
			name = "data.yaml" // data.limits: opa takes a data file's folder as its path
		}
		entries[name] = text
		return err
	})
	if err != nil {
		return nil, err
	}
	manifest := map[string]any{"revision": digest, "roots": []string{"gate", "lib", "limits", "manifest"}, "rego_version": 1}
	if entries[".manifest"], err = json.Marshal(manifest); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: "/" + name, Mode: 0o644, Size: int64(len(entries[name])), Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := archive.Write(entries[name]); err != nil {
			return nil, err
		}
	}
	err = errors.Join(archive.Close(), zipped.Close())
	return out.Bytes(), err
}

type ociDescriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// ociLayout is an image layout with one manifest, tagged latest, of one layer.
func ociLayout(tarball []byte, policyDigest string) (map[string][]byte, error) {
	files := map[string][]byte{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`)}
	blob := func(mediaType string, content []byte, annotations map[string]string) ociDescriptor {
		sum := sha256.Sum256(content)
		files["blobs/sha256/"+hex.EncodeToString(sum[:])] = content
		return ociDescriptor{mediaType, "sha256:" + hex.EncodeToString(sum[:]), len(content), annotations}
	}
	annotations := map[string]string{"org.opencontainers.image.title": "heapgate policies", "org.opencontainers.image.licenses": "Apache-2.0"}
	if policyDigest != "" {
		annotations["heapgate.dev/policy-digest"] = policyDigest
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": ociManifestType, "annotations": annotations, "config": blob(ociConfigType, []byte("{}"), nil),
		"layers": []ociDescriptor{blob(ociBundleType, tarball, map[string]string{"org.opencontainers.image.title": "bundle.tar.gz"})},
	})
	if err != nil {
		return nil, err
	}
	tagged := blob(ociManifestType, manifest, map[string]string{"org.opencontainers.image.ref.name": "latest"})
	files["index.json"], err = json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": ociIndexType, "manifests": []ociDescriptor{tagged}})
	return files, err
}
