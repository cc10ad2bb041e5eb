// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// toolchain is a Go installation.
type toolchain struct {
	path    string // of the go command
	goroot  string // to be set, "" for the default
	version string // go1.26.8
}

var goVersion = regexp.MustCompile(`go1\.(\d+)[^ ]*`)

// toolchains finds the go command of the path, go1.NN commands beside it, and Debian's in /usr/lib/go-1.NN; one a version.
func toolchains(ctx context.Context) ([]toolchain, error) {
	var paths []string
	if path, err := exec.LookPath("go"); err == nil {
		paths = append(paths, path)
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		more, _ := filepath.Glob(filepath.Join(dir, "go1.*"))
		paths = append(paths, more...)
	}
	debian, _ := filepath.Glob("/usr/lib/go-1.*/bin/go")
	paths = append(paths, debian...)
	var all []toolchain
	for _, path := range paths {
		t := toolchain{path: path}
		if strings.HasPrefix(path, "/usr/lib/go-") {
			t.goroot = filepath.Dir(filepath.Dir(path))
		}
		out, err := t.command(ctx, "", "env", "GOVERSION").Output()
		if t.version = strings.TrimSpace(string(out)); err != nil || !goVersion.MatchString(t.version) {
			continue // something else of this name
		}
		if !slices.ContainsFunc(all, func(o toolchain) bool { return o.version == t.version }) {
			all = append(all, t)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no go command was found in $PATH or /usr/lib/go-1.*")
	}
	return all, nil
}

// command is one of the go command, in a directory.
func (t toolchain) command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, t.path, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOWORK=off", "GOFLAGS=")
	if t.goroot != "" {
		cmd.Env = append(cmd.Env, "GOROOT="+t.goroot)
	}
	return cmd
}

// module is the go directive for it: the behaviour of its own version, not of the oldest.
func (t toolchain) module() string {
	return "module scenario\n\ngo 1." + goVersion.FindStringSubmatch(t.version)[1] + "\n"
}

//go:embed scenario/*.go
var scenarioFiles embed.FS

// buildScenario makes the program in a module of its own, since no old toolchain reads this module's go.mod.
func (t toolchain) buildScenario(ctx context.Context, dir string) (binary string, err error) {
	dir = filepath.Join(dir, t.version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	files, err := fs.Glob(scenarioFiles, "scenario/*.go")
	if err != nil {
		return "", err
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := scenarioFiles.ReadFile(name)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), text, 0o600); err != nil {
			return "", err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(t.module()), 0o600); err != nil {
		return "", err
	}
	return filepath.Join(dir, "scenario"), quietly(t.command(ctx, dir, "build", "-trimpath", "-o", "scenario", "."))
}

// quietly runs a command to its end; what it said becomes part of the error.
func quietly(cmd *exec.Cmd) error {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, said.Bytes())
	}
	return nil
}

// lineOf is the line of the scenario's source that is marked `// site: MARK`.
func lineOf(mark string) (int, error) {
	files, err := fs.Glob(scenarioFiles, "scenario/*.go")
	if err != nil {
		return 0, err
	}
	for _, name := range files {
		text, err := scenarioFiles.ReadFile(name)
		if err != nil {
			return 0, err
		}
		if before, _, found := bytes.Cut(text, []byte("// site: "+mark+"\n")); found {
			return bytes.Count(before, []byte("\n")) + 1, nil
		}
	}
	return 0, fmt.Errorf("no line of the scenario is marked %q", mark)
}
