// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"maps"
)

// Limits bound what Read takes into memory.
type Limits struct {
	Packed   int // bytes as they come
	Inflated int // bytes of all files, and of what lies between them
	Files    int
}

// DefaultLimits hold the evidence of some hundred processes. A ConfigMap holds less than one MiB.
func DefaultLimits() Limits { return Limits{Packed: 32 << 20, Inflated: 256 << 20, Files: 256} }

const maxAttestation = 1 << 20

// Read unpacks a bundle and holds every file to the manifest. Every error is an *Error.
func Read(packed []byte, limits Limits) (*Bundle, error) {
	if len(packed) > limits.Packed {
		return nil, tooLarge("want at most %d bytes (got %d)", limits.Packed, len(packed))
	}
	source := bytes.NewReader(packed)
	unzipped, err := gzip.NewReader(source)
	if err != nil {
		return nil, malformed("want a gzipped tar: %w", err)
	}
	unzipped.Multistream(false)
	// One byte more than allowed tells a bundle at the limit from one beyond it.
	inflated := &io.LimitedReader{R: unzipped, N: int64(limits.Inflated) + 1}
	files, err := readTar(tar.NewReader(inflated), limits)
	if err == nil {
		_, err = io.Copy(onlyZeros{}, inflated)
	}
	if inflated.N <= 0 {
		return nil, tooLarge("inflates to more than %d bytes", limits.Inflated)
	}
	var known *Error
	switch {
	case errors.As(err, &known):
		return nil, err
	case err != nil:
		return nil, malformed("want a gzipped tar: %w", err)
	case source.Len() > 0:
		return nil, malformed("%d bytes lie behind the archive", source.Len())
	}
	return open(files)
}

// open makes a bundle of the files of an archive.
func open(files map[string][]byte) (*Bundle, error) {
	given, ok := files[Manifest]
	if !ok {
		return nil, malformed("%s is missing", Manifest)
	}
	attestation := files[Attestation]
	rest := maps.Clone(files)
	delete(rest, Manifest)
	delete(rest, Attestation)
	if err := compare(given, rest); err != nil {
		return nil, err
	}
	b, err := New(rest)
	if err != nil {
		return nil, err
	}
	return b, b.Attach(attestation)
}

func readTar(archive *tar.Reader, limits Limits) (map[string][]byte, error) {
	files, left := map[string][]byte{}, int64(limits.Inflated)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if err := plain(header); err != nil {
			return nil, err
		}
		if _, twice := files[header.Name]; twice {
			return nil, malformed("%s is there twice", header.Name)
		}
		// Beside the files of the manifest there are the manifest itself and the attestation.
		if header.Size > left || len(files) >= limits.Files+2 {
			return nil, tooLarge("at %s: want at most %d files of %d bytes together", header.Name, limits.Files, limits.Inflated)
		}
		left -= header.Size
		if files[header.Name], err = io.ReadAll(archive); err != nil {
			return nil, err
		}
	}
}

// plain refuses all that is not one of our files as add writes it: links, sparse files, whose size is not in the archive, names that lead
// elsewhere, and extended headers, which readers disagree about.
func plain(header *tar.Header) error {
	switch name := header.Name; {
	case header.Typeflag != tar.TypeReg:
		return malformed("%.200q is no plain file", name)
	case len(header.PAXRecords) > 0:
		return malformed("%.200q has extended headers", name)
	case name != Manifest && name != Attestation && !listed(name):
		return malformed("%.200q is none of the files of a bundle", name)
	case header.Linkname != "":
		return malformed("%.200q is a link", name)
	case header.Size < 0:
		return malformed("%.200q has a negative size", name)
	}
	return nil
}

type onlyZeros struct{}

func (onlyZeros) Write(p []byte) (int, error) {
	if len(bytes.Trim(p, "\x00")) > 0 {
		return 0, malformed("there is something behind the last file")
	}
	return len(p), nil
}
