// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
)

// configMaps is a cluster with one ConfigMap.
type configMaps struct {
	data  map[string][]byte
	calls []string
}

func (c *configMaps) ConfigMap(context.Context, string, string) (cluster.ConfigMap, error) {
	return cluster.ConfigMap{BinaryData: c.data}, nil
}

func (c *configMaps) PutBinary(_ context.Context, namespace, name, key string, content []byte, remove []string) error {
	c.calls = append(c.calls, fmt.Sprintf("%s/%s %d bytes, less %d", namespace, name, len(content), len(remove)))
	for _, old := range remove {
		delete(c.data, old)
	}
	c.data[key] = content
	return nil
}

func digestNo(n int) string { return fmt.Sprintf("sha256:%064x", n) }

// TestConfigMaps: bundles lie beside each other as long as there is room, the newest always gets it, and what is no bundle stays.
func TestConfigMaps(t *testing.T) {
	kube := &configMaps{data: map[string][]byte{"ca.crt": make([]byte, 100<<10)}}
	place, err := parseBundlePlace("configmap://shop/heapgate-evidence")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := place.fetch(t.Context(), kube); err == nil || !strings.Contains(err.Error(), "holds no such bundle") {
		t.Errorf("got %v", err)
	}
	for n, size := range []int{300 << 10, 300 << 10, 200 << 10, 1} {
		if err := place.store(t.Context(), kube, digestNo(n), make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := strings.Join(kube.calls, "; "), "shop/heapgate-evidence 307200 bytes, less 0; shop/heapgate-evidence 307200 bytes, less 0; shop/heapgate-evidence 204800 bytes, less 0; shop/heapgate-evidence 1 bytes, less 3"; got != want {
		t.Errorf("got %s", got)
	}
	if names := slices.Sorted(maps.Keys(kube.data)); len(names) != 2 || names[0] != bundleKeyOf(digestNo(3)) || names[1] != "ca.crt" {
		t.Errorf("got %v", names)
	}
	if err := place.store(t.Context(), kube, digestNo(4), make([]byte, maxStored+1)); err == nil || !strings.Contains(err.Error(), "at most 921600 bytes") {
		t.Errorf("got %v", err)
	}
	if err := place.store(t.Context(), kube, digestNo(5), []byte("five")); err != nil {
		t.Fatal(err)
	}
	if _, err := place.fetch(t.Context(), kube); err == nil || !strings.Contains(err.Error(), "holds 2 bundles; say which") {
		t.Errorf("got %v", err)
	}
	one, err := parseBundlePlace("configmap://shop/heapgate-evidence/" + digestNo(5))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := one.fetch(t.Context(), kube); err != nil || string(got) != "five" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestBundlePlaces(t *testing.T) {
	for _, bad := range []string{"", "configmap://", "configmap://a", "configmap://a/", "configmap://A/b", "configmap://a/b/c", "configmap://a/b/sha256:00", "configmap://a/b/" + digestNo(1) + "/x", "configmap://a/../b"} {
		if place, err := parseBundlePlace(bad); err == nil {
			t.Errorf("%q: got %+v", bad, place)
		}
	}
}

// TestWriteWhole: a bundle replaces an older one at once, and a failure leaves nothing behind.
func TestWriteWhole(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "b")
	for _, text := range []string{"one", "two"} {
		if err := writeWhole(name, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != text {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeWhole(filepath.Join(dir, "d"), []byte("x")); err == nil {
		t.Error("a folder was replaced")
	}
	if err := writeWhole(filepath.Join(dir, "none", "b"), []byte("x")); err == nil {
		t.Error("a folder was made")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
