// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/policies"
)

func newPoliciesCommand(io streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policies",
		Short: "List the policies, pack them as a signed bundle, and export them for other tools",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPoliciesListCommand(io), newPoliciesPackCommand(io), newPoliciesVerifyCommand(io), newPoliciesKeygenCommand(io), newPoliciesExportCommand(io))
	return cmd
}

// policyArgument is the directory that a command may name; none is the embedded policies.
func policyArgument(args []string) policySource {
	if len(args) == 0 {
		return policySource{}
	}
	return policySource{directory: args[0]}
}

type listedRule struct {
	ID       string `json:"id"`
	Severity string `json:"severity"`
	Judges   string `json:"judges"` // gate: measured evidence; manifest: a Kubernetes object
	Signal   string `json:"signal"`
	Title    string `json:"title"`
}

func newPoliciesListCommand(io streams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "list [DIR]",
		Short: "List the rules of a directory of policies, or of those built in",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if output != "table" && output != "json" && output != "markdown" {
				return fmt.Errorf("--output must be table, json or markdown (got %q)", output)
			}
			pack, err := policyArgument(args).load(nil)
			if err != nil {
				return err
			}
			return listRules(io.out, pack, output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table, json or markdown")
	return cmd
}

func listRules(out io.Writer, pack *policies.Pack, output string) error {
	var listed []listedRule
	for _, rule := range slices.Concat(pack.Rules(), pack.ManifestRules()) {
		room, _, _ := strings.Cut(rule.Package, ".")
		listed = append(listed, listedRule{rule.ID, rule.Severity, room, rule.Signal, rule.Title})
	}
	if output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(struct {
			Digest string       `json:"digest"`
			Rules  []listedRule `json:"rules"`
		}{pack.Digest(), listed})
	}
	if output == "markdown" {
		return listMarkdown(out, listed)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tSEVERITY\tJUDGES\tTITLE")
	for _, r := range listed {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.ID, r.Severity, r.Judges, r.Title)
	}
	return errors.Join(table.Flush(), printDigest(out, pack))
}

func listMarkdown(out io.Writer, listed []listedRule) error {
	var text strings.Builder
	text.WriteString("| id | severity | judges | title |\n| --- | --- | --- | --- |\n")
	for _, r := range listed {
		text.WriteString(cells(r.ID, r.Severity, r.Judges, r.Title) + "\n")
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func printDigest(out io.Writer, pack *policies.Pack) error {
	_, err := fmt.Fprintf(out, "%d rules, digest %s\n", len(pack.Rules())+len(pack.ManifestRules()), pack.Digest())
	return err
}

func newPoliciesVerifyCommand(io streams) *cobra.Command {
	var key string
	cmd := &cobra.Command{
		Use:   "verify FILE --key PUBLIC.pem",
		Short: "Say whether a bundle is signed with this key, and what its digest is",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			public, err := readRequired("--key", key)
			if err != nil {
				return err
			}
			tarball, err := readLimited(args[0], 1<<20)
			if err != nil {
				return err
			}
			pack, err := policies.LoadBundle(tarball, public, nil)
			if err != nil {
				return err
			}
			return printDigest(io.out, pack)
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "public key, P-256 in PEM (required)")
	return cmd
}

// readRequired reads the file of a flag that must be given.
func readRequired(flag, path string) ([]byte, error) {
	if path == "" {
		return nil, fmt.Errorf("%s is required: the file of a key, as `heapgate policies keygen` writes it", flag)
	}
	text, err := readLimited(path, 1<<20)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return text, nil
}

// writeOutput writes to a file, or to standard output for "".
func writeOutput(out io.Writer, path string, content []byte) error {
	if path == "" {
		_, err := out.Write(content)
		return err
	}
	return os.WriteFile(path, content, 0o644)
}
