// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package box

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestArchive reads an archive as a runtime does: every blob has the digest that it is named by, and the index names the
// image by its tag and by the digest of its manifest.
func TestArchive(t *testing.T) {
	image := testImage(t)
	files := archived(t, &image)
	for name, text := range files {
		if want, ok := strings.CutPrefix(name, "blobs/sha256/"); ok {
			if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != want {
				t.Errorf("%s has the digest %x", name, sum)
			}
		}
	}
	var index struct{ Manifests []descriptor }
	decode(t, files["index.json"], &index)
	names := map[string]bool{}
	for _, m := range index.Manifests {
		names[m.Annotations[nameOfImport]] = true
		if m.Digest != image.Digest || int(m.Size) != len(files["blobs/sha256/"+m.Digest[7:]]) {
			t.Errorf("manifest %+v is not the image's (%s)", m, image.Digest)
		}
	}
	if !names["registry.local/shop:good"] || !names["registry.local/shop@"+image.Digest] {
		t.Errorf("want a name by tag and one by digest, got %v", names)
	}
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	decode(t, files["blobs/sha256/"+image.Digest[7:]], &manifest)
	for _, d := range append(manifest.Layers, manifest.Config) {
		if int(d.Size) != len(files["blobs/sha256/"+d.Digest[7:]]) {
			t.Errorf("%s: want %d bytes, got %d", d.Digest, d.Size, len(files["blobs/sha256/"+d.Digest[7:]]))
		}
	}
}

// TestDigests: a release is known by its digest, so equal images have equal ones and others do not.
func TestDigests(t *testing.T) {
	first, same, labelled, flagged := testImage(t), testImage(t), testImage(t), testImage(t)
	labelled.Labels = map[string]string{"release": "2"}
	flagged.Entrypoint = append(flagged.Entrypoint, "--version=bad")
	for _, image := range []*Image{&first, &same, &labelled, &flagged} {
		archived(t, image)
	}
	if first.Digest != same.Digest {
		t.Errorf("the same image twice: %s and %s", first.Digest, same.Digest)
	}
	if first.Digest == labelled.Digest || first.Digest == flagged.Digest {
		t.Errorf("different images have the digest %s", first.Digest)
	}
}

func testImage(t *testing.T) Image {
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte(strings.Repeat("a program ", 100)), 0o755); err != nil {
		t.Fatal(err)
	}
	return Image{Repository: "registry.local/shop", Tag: "good", Program: program, Entrypoint: []string{"/shop"}}
}

func archived(t *testing.T, image *Image) map[string][]byte {
	file := filepath.Join(t.TempDir(), "image.tar")
	if err := image.archive(file); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	files := map[string][]byte{}
	for r := tar.NewReader(in); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func decode(t *testing.T, text []byte, into any) {
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}
