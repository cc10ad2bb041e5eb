// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
)

// imageDigest stands for a container image's digest: the sha256 of the binary's bytes followed by the version. Both
// versions of the shop are one binary, and two images.
func imageDigest(binary, version string) (digest string, err error) {
	f, err := os.Open(binary)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	_, _ = io.WriteString(hash, version)
	return fmt.Sprintf("sha256:%x", hash.Sum(nil)), nil
}
