// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package bundle is the archive that holds all that one verdict stands on, so that somebody else can derive it again:
//
//  1. The files are plain bytes under the names of names.go; nothing else has room in a bundle.
//  2. manifest.json lists each of them with size and sha256, in the order of their names. There is one way to write it.
//  3. The digest of a bundle is the sha256 of manifest.json. It does not depend on how the archive is packed.
//  4. The archive is a gzipped tar of the manifest and the files: sorted, of the year 1970, owned by nobody, mode 0644.
//  5. attestation.intoto.jsonl is not in the manifest, because it is signed over the digest.
//
// Read believes nothing: sizes are bounded before and after inflation, only plain files of known names are taken, each once, and every one
// of them has to be what the manifest says. What Read returns, Write writes with the same digest.
package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Bundle is a complete and consistent set of files. It is made by New or Read.
type Bundle struct {
	files       map[string][]byte // what the manifest lists
	manifest    []byte
	attestation []byte
}

// New makes a bundle of files by name. The manifest is made here, and the attestation is attached later: neither may be given. The
// contents are not copied.
func New(files map[string][]byte) (*Bundle, error) {
	b := &Bundle{files: maps.Clone(files)}
	total := 0
	for name, content := range files {
		if !listed(name) {
			return nil, malformed("%.200q is none of the files of a bundle", name)
		}
		if err := named(name, content); err != nil {
			return nil, err
		}
		total += len(content)
	}
	for _, name := range required {
		if _, ok := files[name]; !ok {
			return nil, malformed("%s is missing", name)
		}
	}
	if limits := DefaultLimits(); len(files) > limits.Files || total > limits.Inflated {
		return nil, tooLarge("want at most %d files of %d bytes together (got %d of %d)", limits.Files, limits.Inflated, len(files), total)
	}
	var err error
	b.manifest, err = manifestOf(b.files)
	return b, err
}

// File is the content of one file of the manifest.
func (b *Bundle) File(name string) ([]byte, bool) {
	content, ok := b.files[name]
	return content, ok
}

// Names of the files of the manifest, sorted.
func (b *Bundle) Names() []string { return slices.Sorted(maps.Keys(b.files)) }

// Manifest is the bytes that the digest is taken of.
func (b *Bundle) Manifest() []byte { return bytes.Clone(b.manifest) }

// Digest names the bundle: "sha256:" and 64 hex digits.
func (b *Bundle) Digest() string { return "sha256:" + hash(b.manifest) }

// Attestation is what Attach got; nil for a bundle that is not signed.
func (b *Bundle) Attestation() []byte { return b.attestation }

// Attach adds signed statements about the digest, one DSSE envelope a line. It does not verify them. Nothing takes them away.
func (b *Bundle) Attach(envelopes []byte) error {
	if len(envelopes) > maxAttestation {
		return tooLarge("%s: want at most %d bytes (got %d)", Attestation, maxAttestation, len(envelopes))
	}
	b.attestation = envelopes
	return nil
}

// Bytes packs the bundle. The same bundle gives the same bytes with the same version of Go; the digest stays the same with any.
func (b *Bundle) Bytes() ([]byte, error) {
	var out bytes.Buffer
	zipped, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	archive := tar.NewWriter(zipped)
	err = b.pack(archive)
	if err := errors.Join(err, archive.Close(), zipped.Close()); err != nil {
		return nil, fmt.Errorf("pack the bundle: %w", err)
	}
	return out.Bytes(), nil
}

// pack puts the manifest first and the attestation second, so that a reader of the start of a bundle knows what it is.
func (b *Bundle) pack(archive *tar.Writer) error {
	if err := add(archive, Manifest, b.manifest); err != nil {
		return err
	}
	if b.attestation != nil {
		if err := add(archive, Attestation, b.attestation); err != nil {
			return err
		}
	}
	for _, name := range b.Names() {
		if err := add(archive, name, b.files[name]); err != nil {
			return err
		}
	}
	return nil
}

func add(archive *tar.Writer, name string, content []byte) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := archive.Write(content)
	return err
}
