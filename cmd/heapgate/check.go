// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/internal/hooks"
)

const checkHooksLong = `Read rendered manifests as Argo CD would get them, and report every way in which a gate among them would silently not be run.

DIR is read with all its *.yaml, *.yml and *.json files; - is stdin. Documents may be many in a file; an object with a list of items is
replaced by its items, as Argo CD does. A gate is a hook whose container runs "heapgate gate"; with --all-hooks every hook that runs
containers is held to the same rules. Application and ApplicationSet objects are read too. Each finding has an id that never changes and
a section in docs/hooks.md.

Not in any manifest, so never found here: selective sync, the apply strategy, rollback, kubectl. The admission policies refuse them and
heapgate watch reports them.

Exit codes:
   0  no error was found (warnings are printed)
  10  an error, or with --strict a warning
  20  there is no gate in the manifests, so nothing was checked (--allow-none makes this a 0)
  40  the input cannot be read, or a mistake in the command line`

const checkHooksExample = `  kustomize build overlays/prod | heapgate check hooks -
  helm template shop ./chart | heapgate check hooks - -o markdown
  heapgate check hooks rendered/ --strict -o json`

// maxFiles is how many files of a directory are read.
const maxFiles = 10_000

func newCheckCommand(io streams) *cobra.Command {
	check := &cobra.Command{
		Use:   "check",
		Short: "Look for mistakes before they are deployed: hooks, manifests",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	check.AddCommand(newCheckHooksCommand(io), newCheckManifestsCommand(io))
	return check
}

type checkHooks struct {
	streams
	output                      string
	strict, allowNone, allHooks bool
}

func newCheckHooksCommand(io streams) *cobra.Command {
	c := &checkHooks{streams: io}
	cmd := &cobra.Command{
		Use:     "hooks DIR|FILE|-",
		Short:   "Find the ways in which a gate would silently not be run",
		Long:    checkHooksLong,
		Example: checkHooksExample,
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return c.run(args[0]) },
	}
	set := cmd.Flags()
	set.StringVarP(&c.output, "output", "o", "text", "text, json or markdown")
	set.BoolVar(&c.strict, "strict", false, "exit 10 on warnings too")
	set.BoolVar(&c.allowNone, "allow-none", false, "exit 0 if there is no gate in the manifests")
	set.BoolVar(&c.allHooks, "all-hooks", false, "hold every hook that runs containers to the rules of a gate")
	// The flag exists, so there is no error.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(outputs, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (c *checkHooks) run(from string) error {
	if !slices.Contains(outputs, c.output) {
		return fmt.Errorf("--output must be one of %s (got %q)", strings.Join(outputs, ", "), c.output)
	}
	manifests := &hooks.Manifests{AllHooks: c.allHooks}
	if err := readManifests(manifests, c.in, from); err != nil {
		return &exitError{exitConfig, err}
	}
	report := manifests.Check()
	code := c.exitCode(report)
	text, err := hooksText(c.output, report, code)
	if err == nil {
		_, err = c.out.Write(text)
	}
	if err != nil {
		return &exitError{exitConfig, err}
	}
	if code != exitPass {
		return &exitError{code: code}
	}
	return nil
}

func (c *checkHooks) exitCode(report hooks.Report) int {
	switch {
	case report.Errors > 0 || c.strict && report.Warnings > 0:
		return exitFail
	case report.Gates == 0 && !c.allowNone:
		return exitInconclusive
	}
	return exitPass
}

// readManifests reads DIR, FILE or, for -, standard input.
func readManifests(manifests *hooks.Manifests, in io.Reader, from string) error {
	if from == "-" {
		return addManifests(manifests, "stdin", in)
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return addFile(manifests, from)
	}
	return addDirectory(manifests, from)
}

// addDirectory reads in the order of names. Links are not followed: they could lead in circles, or out of the directory.
func addDirectory(manifests *hooks.Manifests, directory string) error {
	files := 0
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !entry.Type().IsRegular() || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			return nil
		}
		if files++; files > maxFiles {
			return fmt.Errorf("%s: want at most %d files", directory, maxFiles)
		}
		return addFile(manifests, path)
	})
	if err == nil && files == 0 {
		return fmt.Errorf("%s has no *.yaml, *.yml or *.json file", directory)
	}
	return err
}

func addFile(manifests *hooks.Manifests, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	return addManifests(manifests, path, file)
}

func addManifests(manifests *hooks.Manifests, name string, from io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(from, hooks.MaxFile+1))
	if err != nil {
		return err
	}
	if len(text) == 0 && name == "stdin" {
		return errors.New("stdin is empty: did the command that renders fail?")
	}
	return manifests.Add(name, text)
}
