// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package box

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
)

// Image is a container image of one static binary, made without a daemon or a registry.
type Image struct {
	Repository string            // registry.local/shop
	Tag        string            // good
	Program    string            // file of the binary
	Entrypoint []string          // "/" and the base name of the binary, with flags that are part of the image
	Labels     map[string]string // part of the configuration, and so of the digest
	Digest     string            // sha256:..., of the manifest; filled in by archive
}

// Ref is the name by digest: repository@sha256:...
func (i Image) Ref() string { return i.Repository + "@" + i.Digest }

// Tagged is the name by tag.
func (i Image) Tagged() string { return i.Repository + ":" + i.Tag }

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

const (
	epoch        = "1970-01-01T00:00:00Z" // the same input gives the same digest
	mediaIndex   = "application/vnd.oci.image.index.v1+json"
	mediaImage   = "application/vnd.oci.image.manifest.v1+json"
	mediaConfig  = "application/vnd.oci.image.config.v1+json"
	mediaLayer   = "application/vnd.oci.image.layer.v1.tar"
	nameOfImport = "io.containerd.image.name" // containerd gives the image this name on import
)

// archive writes the image as an OCI layout in a tar file and fills in its digest. containerd knows an image by its names
// only, so the index holds it twice: by tag and by digest, which is what a pod's `repo@sha256:...` is looked up by.
func (i *Image) archive(file string) error {
	layer, err := newLayer(i.Program, i.Entrypoint[0])
	if err != nil {
		return err
	}
	config := blob(mediaConfig, map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "created": epoch,
		"config":  map[string]any{"Entrypoint": i.Entrypoint, "Env": []string{"PATH=/"}, "Labels": i.Labels, "User": "65532:65532"},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{layer.Digest}},
		"history": []map[string]any{{"created": epoch, "created_by": "heapgate e2e"}},
	})
	manifest := blob(mediaImage, map[string]any{
		"schemaVersion": 2, "mediaType": mediaImage, "config": config.descriptor, "layers": []descriptor{layer.descriptor},
	})
	i.Digest = manifest.Digest
	byTag, byDigest := manifest.descriptor, manifest.descriptor
	byTag.Annotations = map[string]string{nameOfImport: i.Tagged()}
	byDigest.Annotations = map[string]string{nameOfImport: i.Ref()}
	index := blob(mediaIndex, map[string]any{"schemaVersion": 2, "mediaType": mediaIndex, "manifests": []descriptor{byTag, byDigest}})

	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	w := tar.NewWriter(out)
	writeFile(w, "oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	writeFile(w, "index.json", index.content)
	writeFile(w, "blobs/sha256/"+config.Digest[7:], config.content)
	writeFile(w, "blobs/sha256/"+manifest.Digest[7:], manifest.content)
	if err := layer.write(w); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return out.Close()
}

type content struct {
	descriptor
	content []byte
}

func blob(mediaType string, value any) content {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // maps of strings always encode
	}
	sum := sha256.Sum256(text)
	return content{descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(len(text))}, text}
}

// writeFile leaves errors to w.Close: a tar.Writer keeps its first one.
func writeFile(w *tar.Writer, name string, text []byte) {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Format: tar.FormatUSTAR}); err == nil {
		_, _ = w.Write(text)
	}
}

// layer is a tar of one file; it is streamed twice, for the digest and for the archive, and never held in memory.
type layer struct {
	descriptor
	program, path string
	size          int64
}

func newLayer(program, path string) (layer, error) {
	info, err := os.Stat(program)
	if err != nil {
		return layer{}, err
	}
	l := layer{program: program, path: path, size: info.Size()}
	sum := sha256.New()
	counted := &counter{to: sum}
	if err := l.stream(counted); err != nil {
		return layer{}, err
	}
	l.descriptor = descriptor{MediaType: mediaLayer, Digest: "sha256:" + hex.EncodeToString(sum.Sum(nil)), Size: counted.bytes}
	return l, nil
}

func (l layer) stream(to io.Writer) error {
	in, err := os.Open(l.program)
	if err != nil {
		return err
	}
	defer in.Close()
	w := tar.NewWriter(to)
	// /tmp is for programs that write and may; the rest of the file system is the binary.
	for _, dir := range []string{"tmp/"} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o1777, Format: tar.FormatUSTAR}); err != nil {
			return err
		}
	}
	if err := w.WriteHeader(&tar.Header{Name: l.path[1:], Mode: 0o755, Size: l.size, Format: tar.FormatUSTAR}); err != nil {
		return err
	}
	if _, err := io.Copy(w, in); err != nil {
		return fmt.Errorf("%s: %w", l.program, err)
	}
	return w.Close()
}

func (l layer) write(w *tar.Writer) error {
	header := &tar.Header{Name: "blobs/sha256/" + l.Digest[7:], Mode: 0o644, Size: l.Size, Format: tar.FormatUSTAR}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	return l.stream(w)
}

type counter struct {
	to    io.Writer
	bytes int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	return c.to.Write(p)
}
