// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
	"github.com/heapgate/heapgate/internal/bundle"
)

// maxStored is what a ConfigMap takes: 1 MiB together with its metadata.
const maxStored = 900 << 10

// bundlePlace is where a bundle is written to or read from: a file, or configmap://NAMESPACE/NAME, and to read one of several
// configmap://NAMESPACE/NAME/DIGEST.
type bundlePlace struct {
	file            string
	namespace, name string
	digest          string // 64 hex digits
}

var bundleDigest = regexp.MustCompile(`^(sha256:)?([0-9a-f]{64})$`)

func parseBundlePlace(text string) (bundlePlace, error) {
	rest, isMap := strings.CutPrefix(text, "configmap://")
	if !isMap {
		if text == "" {
			return bundlePlace{}, errors.New("want a file or configmap://NAMESPACE/NAME for the bundle")
		}
		return bundlePlace{file: text}, nil
	}
	parts := strings.Split(rest, "/")
	if len(parts) < 2 || len(parts) > 3 || !dns.MatchString(parts[0]) || !dns.MatchString(parts[1]) {
		return bundlePlace{}, fmt.Errorf("a bundle in a cluster is at configmap://NAMESPACE/NAME (got %q)", text)
	}
	place := bundlePlace{namespace: parts[0], name: parts[1]}
	if len(parts) == 3 {
		found := bundleDigest.FindStringSubmatch(parts[2])
		if found == nil {
			return bundlePlace{}, fmt.Errorf("configmap://NAMESPACE/NAME/DIGEST ends in the digest of a bundle, sha256: and 64 hex digits (got %q)", parts[2])
		}
		place.digest = found[2]
	}
	return place, nil
}

// storeBundle writes a bundle to a file or to a ConfigMap of the cluster that kubectl would use.
func storeBundle(ctx context.Context, place string, b *bundle.Bundle) error {
	to, err := parseBundlePlace(place)
	if err != nil {
		return err
	}
	packed, err := b.Bytes()
	if err != nil {
		return err
	}
	if to.name == "" {
		return writeWhole(to.file, packed)
	}
	kube, err := cluster.New(ctx, cluster.Options{UserAgent: "heapgate/" + version()})
	if err != nil {
		return err
	}
	return to.store(ctx, kube, b.Digest(), packed)
}

// room is how many bytes a bundle may have there; what is larger in a file could not be read again.
func (p bundlePlace) room() int {
	if p.name == "" {
		return bundle.DefaultLimits().Packed
	}
	return maxStored
}

// writeWhole writes a file so that nobody ever reads half of it.
func writeWhole(name string, content []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	err = errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}

// evidenceStore is the part of the cluster's adapter that bundles need: *cluster.Client. PutBinary sets one key of a ConfigMap's binaryData
// and removes others in the same request.
type evidenceStore interface {
	ConfigMap(ctx context.Context, namespace, name string) (cluster.ConfigMap, error)
	PutBinary(ctx context.Context, namespace, name, key string, content []byte, remove []string) error
}

// bundleKeyOf is the key of a bundle in binaryData. A key may not hold a colon.
func bundleKeyOf(digest string) string {
	return "bundle." + strings.TrimPrefix(digest, "sha256:") + ".tar.gz"
}

var keyForm = regexp.MustCompile(`^bundle\.([0-9a-f]{64})\.tar\.gz$`)

// store puts a bundle beside those that are there, or in their place if they would be too much together.
func (p bundlePlace) store(ctx context.Context, kube evidenceStore, digest string, packed []byte) error {
	if len(packed) > maxStored {
		return fmt.Errorf("a ConfigMap holds a bundle of at most %d bytes (this one has %d); write it to a file, or narrow --workload and --window", maxStored, len(packed))
	}
	found, err := kube.ConfigMap(ctx, p.namespace, p.name)
	if err != nil && !cluster.IsMissing(err) {
		return err
	}
	total := len(packed)
	var others []string
	for _, key := range slices.Sorted(maps.Keys(found.BinaryData)) {
		total += len(found.BinaryData[key])
		if keyForm.MatchString(key) && key != bundleKeyOf(digest) {
			others = append(others, key)
		}
	}
	if total <= maxStored {
		others = nil
	}
	return kube.PutBinary(ctx, p.namespace, p.name, bundleKeyOf(digest), packed, others)
}

// load reads the packed bundle from a file, from standard input for -, or from a ConfigMap.
func (p bundlePlace) load(ctx context.Context, in io.Reader) ([]byte, error) {
	limit := int64(bundle.DefaultLimits().Packed)
	if p.name == "" {
		if p.file == "-" {
			return io.ReadAll(io.LimitReader(in, limit+1))
		}
		file, err := os.Open(p.file)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }()
		return io.ReadAll(io.LimitReader(file, limit+1))
	}
	kube, err := cluster.New(ctx, cluster.Options{UserAgent: "heapgate/" + version()})
	if err != nil {
		return nil, err
	}
	return p.fetch(ctx, kube)
}

// fetch takes the one bundle of a ConfigMap, or the one that the place names.
func (p bundlePlace) fetch(ctx context.Context, kube evidenceStore) ([]byte, error) {
	found, err := kube.ConfigMap(ctx, p.namespace, p.name)
	if err != nil {
		return nil, err
	}
	var digests []string
	for key := range found.BinaryData {
		if parts := keyForm.FindStringSubmatch(key); parts != nil && (p.digest == "" || p.digest == parts[1]) {
			digests = append(digests, parts[1])
		}
	}
	slices.Sort(digests)
	switch len(digests) {
	case 0:
		return nil, fmt.Errorf("the ConfigMap %s/%s holds no such bundle", p.namespace, p.name)
	case 1:
		return found.BinaryData[bundleKeyOf(digests[0])], nil
	}
	return nil, fmt.Errorf("the ConfigMap %s/%s holds %d bundles; say which with configmap://%s/%s/DIGEST, one of %s", p.namespace, p.name, len(digests), p.namespace, p.name, strings.Join(digests, ", "))
}
