// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// Bounds of a bundle. A ConfigMap holds at most 1 MiB.
const (
	maxBundleBytes   = 4 << 20  // as it comes
	maxInflatedBytes = 16 << 20 // all files, and what lies between them; also the files alone, as they are read
)

// readArchive takes the files out of a gzipped tar, before anything is trusted. OPA allocates what a header says; here nothing larger
// than its limit is read, and only plain files that a bundle of ours can have are taken, each once and under one spelling.
func readArchive(tarball []byte) (map[string][]byte, error) {
	if len(tarball) > maxBundleBytes {
		return nil, &BundleError{Kind: BundleTooLarge, Err: fmt.Errorf("larger than %d bytes", maxBundleBytes)}
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(tarball))
	if err != nil {
		return nil, &BundleError{Kind: BundleMalformed, Err: fmt.Errorf("want a gzipped tar: %w", err)}
	}
	inflated := &io.LimitedReader{R: unzipped, N: maxInflatedBytes + 1}
	files, err := readTar(tar.NewReader(inflated))
	if err == nil {
		// What comes behind the archive would be neither signed nor read.
		_, err = io.Copy(onlyZeros{}, inflated)
	}
	var known *BundleError
	switch {
	case inflated.N <= 0:
		return nil, &BundleError{Kind: BundleTooLarge, Err: fmt.Errorf("inflates to more than %d bytes", maxInflatedBytes)}
	case errors.As(err, &known):
		return nil, err
	case err != nil:
		return nil, &BundleError{Kind: BundleMalformed, Err: fmt.Errorf("want a gzipped tar: %w", err)}
	}
	return files, nil
}

func readTar(archive *tar.Reader) (map[string][]byte, error) {
	files := map[string][]byte{}
	left := int64(maxInflatedBytes) // a hole in a file is read as zeros that were never inflated
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		name, err := bundleFile(header)
		if err != nil {
			return nil, &BundleError{Kind: BundleMalformed, Err: err}
		}
		if _, twice := files[name]; twice {
			return nil, &BundleError{Kind: BundleMalformed, Err: fmt.Errorf("the file %.200q is there twice", name)}
		}
		if header.Size > maxFileBytes || len(files) >= maxFiles {
			return nil, &BundleError{Kind: BundleTooLarge, Err: fmt.Errorf("at %.200q: want at most %d files of %d bytes", name, maxFiles, maxFileBytes)}
		}
		if left -= header.Size; left < 0 {
			return nil, &BundleError{Kind: BundleTooLarge, Err: fmt.Errorf("at %.200q: inflates to more than %d bytes", name, maxInflatedBytes)}
		}
		if files[name], err = io.ReadAll(archive); err != nil {
			return nil, err
		}
	}
}

// bundleFile is the name of a file as signatures spell it: without the slash that OPA writes before it.
func bundleFile(header *tar.Header) (string, error) {
	name := strings.TrimPrefix(header.Name, "/")
	isOurs := name == dataName || name == manifestName || name == signaturesName || strings.HasSuffix(name, ".rego")
	switch {
	case header.Typeflag != tar.TypeReg:
		return "", fmt.Errorf("%.200q is no plain file", header.Name)
	case len(header.PAXRecords) > 0 || header.Format == tar.FormatPAX:
		// They can rename a file, give it another size or holes; neither OPA nor SignBundle writes any.
		return "", fmt.Errorf("%.200q has extended attributes (PAX); want a plain tar as `heapgate policies pack` writes it", header.Name)
	case name != path.Clean(name) || strings.HasPrefix(name, "../") || strings.HasPrefix(name, "/") || strings.ContainsAny(name, "\\\x00"):
		return "", fmt.Errorf("the path %.200q leads elsewhere", header.Name)
	case !isOurs:
		return "", fmt.Errorf("%.200q is none of the files of a pack: %s, %s, %s and *.rego", header.Name, dataName, manifestName, signaturesName)
	}
	return name, nil
}

type onlyZeros struct{}

func (onlyZeros) Write(p []byte) (int, error) {
	if len(bytes.Trim(p, "\x00")) > 0 {
		return 0, errors.New("there is something behind the archive")
	}
	return len(p), nil
}
