// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// binaries are the paths of what the demo runs.
type binaries struct {
	shop, load, collector, heapgate string
}

var (
	// The same sources give the same digest in every checkout, and sites read `module/path/file.go:line`.
	reproducible = []string{"-trimpath"}
	// As `make build` does, so that neither makes the other's binaries again.
	small = []string{"-ldflags", "-s -w"}
)

// build compiles what was not given on the command line, one after the other: the go command uses all processors by itself.
func build(ctx context.Context, s settings, out io.Writer) (binaries, error) {
	made := binaries{collector: s.collectorBin, heapgate: s.heapgateBin}
	for _, step := range []struct {
		path  *string
		name  string
		pkg   string
		flags []string
	}{
		{&made.shop, "shop", "./examples/shop", reproducible},
		{&made.load, "shop-load", "./examples/shop/load", reproducible},
		{&made.heapgate, "heapgate", "./cmd/heapgate", small},
		{&made.collector, "heapgate-collector", "./distro", small},
	} {
		given := *step.path != ""
		if !given {
			*step.path = filepath.Join(s.binDir, step.name)
		}
		var err error
		if *step.path, err = filepath.Abs(*step.path); err != nil { // without a slash, exec would search $PATH
			return binaries{}, err
		}
		if given {
			continue
		}
		if err := buildOne(ctx, *step.path, step.name, step.pkg, step.flags, out); err != nil {
			return binaries{}, err
		}
	}
	return made, nil
}

func buildOne(ctx context.Context, path, name, pkg string, flags []string, out io.Writer) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	var said bytes.Buffer
	stop := progress(out, "build "+name, 2*time.Second)
	args := append([]string{"build", "-buildvcs=false", "-o", path}, flags...)
	err := runCommand(ctx, stopGrace, &said, &said, "go", append(args, pkg)...)
	stop(err)
	if err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, said.Bytes())
	}
	return nil
}
