// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/heapgate/heapgate/internal/heap"
	"github.com/heapgate/heapgate/internal/profile"
)

// What --profile takes. All together are what a packed bundle may have: more could not be read again.
const (
	maxProfiles    = 16
	maxProfile     = 16 << 20
	maxAllProfiles = 32 << 20
)

// givenProfile is one file of --profile, as it was read once.
type givenProfile struct {
	file    string // its name without folders, which are nobody's business
	content []byte
	leftOut bool // it does not fit
}

// checkProfiles is what can be said of --profile without the files.
func checkProfiles(files []string, bundlePlace string) error {
	switch {
	case len(files) > 0 && bundlePlace == "":
		return errors.New("--profile goes with --bundle: it is for a person who reads the bundle, and decides nothing")
	case len(files) > maxProfiles:
		return fmt.Errorf("--profile may be given at most %d times (got %d)", maxProfiles, len(files))
	}
	return nil
}

// readProfiles reads the files of --profile and holds each of them to be a heap profile.
func readProfiles(files []string) ([]givenProfile, error) {
	var all []givenProfile
	total := 0
	for _, name := range files {
		content, err := readProfile(name)
		if err != nil {
			return nil, fmt.Errorf("--profile %s: %w", printable(name), err)
		}
		if total += len(content); total > maxAllProfiles {
			return nil, fmt.Errorf("--profile: all files together must have at most %d bytes (%s is beyond that)", maxAllProfiles, printable(name))
		}
		// The same profile twice is one file of the bundle.
		if !slices.ContainsFunc(all, func(p givenProfile) bool { return bytes.Equal(p.content, content) }) {
			all = append(all, givenProfile{file: printable(filepath.Base(name)), content: content})
		}
	}
	return all, nil
}

func readProfile(name string) ([]byte, error) {
	info, err := os.Stat(name) // before it is opened: a pipe would wait for its writer
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("must be a regular file (got %s)", info.Mode().Type())
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read
	content, err := io.ReadAll(io.LimitReader(file, maxProfile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxProfile {
		return nil, fmt.Errorf("must have at most %d bytes (got %d)", maxProfile, max(info.Size(), maxProfile+1))
	}
	if err := isHeapProfile(content); err != nil {
		return nil, fmt.Errorf("must be a heap profile, as .pb.gz or as the text of /debug/pprof/heap?debug=1: %w", err)
	}
	return content, nil
}

// isHeapProfile reads a profile as inspect heap does. Which sample types there are is all that tells a heap profile from a CPU profile.
func isHeapProfile(content []byte) error {
	if bytes.HasPrefix(content, []byte("heap profile:")) {
		_, err := heap.Parse(bytes.NewReader(content), heap.Limits{})
		return err
	}
	p, err := profile.NewDecoder(profile.Limits{}).Decode(bytes.NewReader(content))
	if err != nil {
		return err
	}
	var types []string
	for _, one := range p.SampleTypes {
		types = append(types, one.Type)
	}
	if !slices.Contains(types, "inuse_space") && !slices.Contains(types, "alloc_space") {
		return fmt.Errorf("got a profile of %s, want one of inuse_space or alloc_space", printable(strings.Join(types, ", ")))
	}
	return nil
}
