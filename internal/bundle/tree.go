// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
)

// Tree packs the source of policies by slash-separated path. A zip, because Go reads one as a file system; stored, because the bundle
// compresses it, and so the digest of a bundle does not depend on a compressor.
func Tree(files map[string][]byte) ([]byte, error) {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !treeName.MatchString(name) {
			return nil, malformed("%s: %.200q is no name of a policy's source", Policy, name)
		}
		to, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			return nil, err
		}
		if _, err := to.Write(files[name]); err != nil {
			return nil, err
		}
	}
	err := archive.Close()
	return out.Bytes(), err
}

// treeName has no part that begins with a dot, so that it leads nowhere else.
var treeName = regexp.MustCompile(`^([A-Za-z0-9_][A-Za-z0-9_.-]*/)*[A-Za-z0-9_][A-Za-z0-9_.-]*\.(rego|json|yaml)$`)

// ReadTree is the file system of what Tree packed. Who reads the files has to bound them: what a file holds is at most what the zip
// has, all together, because nothing in it is compressed.
func ReadTree(packed []byte) (fs.FS, error) {
	archive, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return nil, malformed("%s: %w", Policy, err)
	}
	had, left := map[string]bool{}, uint64(len(packed))
	for _, file := range archive.File {
		switch {
		case !treeName.MatchString(file.Name) || !file.Mode().IsRegular():
			return nil, malformed("%s: %.200q is no name of a policy's source", Policy, file.Name)
		case file.Method != zip.Store || file.UncompressedSize64 != file.CompressedSize64:
			return nil, malformed("%s: %s is compressed", Policy, file.Name)
		case file.UncompressedSize64 > left: // Two of them are the same bytes.
			return nil, malformed("%s: the files hold more than the archive", Policy)
		case had[file.Name]:
			return nil, malformed("%s: %s is there twice", Policy, file.Name)
		}
		had[file.Name], left = true, left-file.UncompressedSize64
	}
	if len(had) == 0 {
		return nil, &Error{KindMalformed, fmt.Errorf("%s: there is no file", Policy)}
	}
	return archive, nil
}
