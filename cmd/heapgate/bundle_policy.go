// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/heapgate/heapgate/internal/bundle"
	"github.com/heapgate/heapgate/policies"
)

// maxPolicyFile bounds one file of the source of policies.
const maxPolicyFile = 1 << 20

// policyTree is the source of the policies that have decided. It is read again, and what was read must have the digest that has decided:
// a directory may have changed since. Those built in cannot.
func policyTree(r report) ([]byte, error) {
	place := r.settings.policies
	var files map[string][]byte
	var err error
	switch {
	case place.name != "":
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		var tarball []byte
		if tarball, err = place.fromConfigMap(ctx, nil); err == nil {
			files, err = unpackPolicies(tarball, []byte(place.key))
		}
	case place.file != "":
		var tarball []byte
		if tarball, err = readLimited(place.file, maxBundle); err == nil {
			files, err = unpackPolicies(tarball, []byte(place.key))
		}
	case place.directory != "":
		files, err = readPolicies(os.DirFS(place.directory))
	default:
		files, err = readPolicies(policies.Embedded())
	}
	if err != nil {
		return nil, err
	}
	packed, err := bundle.Tree(files)
	if err != nil || place.isBuiltIn() {
		return packed, err
	}
	pack, err := loadTree(packed, r.settings.limits)
	if err != nil {
		return nil, err
	}
	if pack.Digest() != r.judge.pack.Digest() {
		return nil, fmt.Errorf("they have changed since they decided: their digest was %s and is %s", r.judge.pack.Digest(), pack.Digest())
	}
	return packed, nil
}

func (p policyPlace) isBuiltIn() bool { return p.directory == "" && p.file == "" && p.name == "" }

// loadTree loads the policies of a bundle with the limits that the user had replaced.
func loadTree(packed []byte, limits map[string]any) (*policies.Pack, error) {
	tree, err := bundle.ReadTree(packed)
	if err != nil {
		return nil, err
	}
	return policies.Load(tree, limits)
}

// belongs tells whether package policies loads a file of this name: rules without their tests, schemas, and the defaults of the limits.
func belongs(name string) bool {
	isRule := path.Ext(name) == ".rego" && !strings.HasSuffix(name, "_test.rego")
	isSchema := path.Dir(name) == "schemas" && path.Ext(name) == ".json"
	return isRule || isSchema || name == "data/defaults.yaml"
}

// readPolicies reads a directory of policies. The topmost folders may be links, as in a mounted ConfigMap.
func readPolicies(tree fs.FS) (map[string][]byte, error) {
	files := map[string][]byte{}
	top, err := fs.ReadDir(tree, ".")
	if err != nil {
		return nil, err
	}
	for _, entry := range top {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		if err := readFolder(tree, entry.Name(), files); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func readFolder(tree fs.FS, root string, files map[string][]byte) error {
	info, err := fs.Stat(tree, root) // Follows a link, which WalkDir does not.
	if err != nil {
		return err
	}
	if info.IsDir() && info.Name() == "testdata" {
		return nil
	}
	if !info.IsDir() {
		return readInto(tree, root, files)
	}
	entries, err := fs.ReadDir(tree, root)
	for _, entry := range entries {
		name := path.Join(root, entry.Name())
		switch {
		case strings.HasPrefix(entry.Name(), "."):
		case entry.IsDir():
			err = errors.Join(err, readFolder(tree, name, files))
		default:
			err = errors.Join(err, readInto(tree, name, files))
		}
	}
	return err
}

func readInto(tree fs.FS, name string, files map[string][]byte) error {
	if !belongs(name) {
		return nil
	}
	file, err := tree.Open(name)
	if err != nil {
		return err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxPolicyFile+1))
	err = errors.Join(err, file.Close())
	if err == nil && len(content) > maxPolicyFile {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxPolicyFile)
	}
	files[name] = content
	return err
}

// unpackPolicies takes the source out of a signed bundle, after package policies has verified it and held it to its bounds.
func unpackPolicies(tarball, key []byte) (map[string][]byte, error) {
	if _, err := policies.LoadBundle(tarball, key, nil); err != nil {
		return nil, err
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(tarball))
	if err != nil {
		return nil, err
	}
	files, archive := map[string][]byte{}, tar.NewReader(unzipped)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(io.LimitReader(archive, maxPolicyFile))
		if err != nil {
			return nil, err
		}
		switch name := strings.TrimPrefix(header.Name, "/"); {
		case name == "data.json":
			err = unpackData(content, files)
		case path.Ext(name) == ".rego":
			files[name] = content
		}
		if err != nil {
			return nil, err
		}
	}
}

// unpackData writes the limits and the schemas of a signed bundle as the files that they were. JSON is YAML too.
func unpackData(text []byte, files map[string][]byte) error {
	var data struct {
		Limits  json.RawMessage   `json:"limits"`
		Schemas map[string]string `json:"schemas"`
	}
	if err := json.Unmarshal(text, &data); err != nil {
		return err
	}
	for name, schema := range data.Schemas {
		files[name] = []byte(schema)
	}
	defaults, err := json.Marshal(map[string]json.RawMessage{"limits": data.Limits})
	files["data/defaults.yaml"] = defaults
	return err
}
