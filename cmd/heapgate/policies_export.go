// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/policies"
)

const exportLong = `Write the policies in the form of another tool into a directory.

  gatekeeper  ConstraintTemplates with Rego v1 for Gatekeeper 3.19 and later, constraints that warn, and a kustomization
  vap         ValidatingAdmissionPolicies in CEL for Kubernetes 1.30 and later, with bindings that warn: the rules that CEL can say
  oci         an OCI image layout whose one layer is the bundle for opa and conftest; oras copies it into a registry

The same policies give the same bytes each time. A bundle that is signed is pushed as it is: --bundle.`

const exportExample = `  heapgate policies export gatekeeper deploy/gatekeeper && kubectl apply -k deploy/gatekeeper
  heapgate policies export vap deploy/vap
  heapgate policies export oci layout --bundle bundle.tar.gz && oras cp --from-oci-layout layout:latest ghcr.io/example/policies:v1`

// exportForms are what export can write.
var exportForms = []string{"gatekeeper", "vap", "oci"}

func newPoliciesExportCommand(io streams) *cobra.Command {
	var from, bundle string
	cmd := &cobra.Command{
		Use:       "export gatekeeper|vap|oci DIR",
		Short:     "Write the policies for Gatekeeper, for the API server or for a registry",
		Long:      exportLong,
		Example:   exportExample,
		Args:      cobra.ExactArgs(2),
		ValidArgs: exportForms,
		RunE: func(_ *cobra.Command, args []string) error {
			source := policies.Embedded()
			if from != "" {
				source = os.DirFS(from)
			}
			files, notes, err := exported(args[0], source, bundle)
			if err != nil {
				return err
			}
			for _, note := range notes {
				_, _ = fmt.Fprintf(io.err, "heapgate: %s\n", note)
			}
			return writeTree(io, args[1], files)
		},
	}
	cmd.Flags().StringVar(&from, "policies", "", "`DIR` of policies (default: those built in)")
	cmd.Flags().StringVar(&bundle, "bundle", "", "oci: a signed bundle `FILE.tar.gz` of heapgate policies pack (default: an unsigned one is made)")
	return cmd
}

// writeTree writes files below a directory, in the order of their names. Files that it did not write stay.
func writeTree(io streams, dir string, files map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(io.out, path); err != nil {
			return err
		}
	}
	return nil
}

func exportOCI(pack *policies.Pack, signed string, made func() ([]byte, error)) (map[string][]byte, error) {
	if signed == "" {
		tarball, err := made()
		if err != nil {
			return nil, err
		}
		return ociLayout(tarball, pack.Digest())
	}
	tarball, err := readLimited(signed, maxBundle)
	if err != nil {
		return nil, fmt.Errorf("--bundle: %w", err)
	}
	if len(tarball) < 2 || tarball[0] != 0x1f || tarball[1] != 0x8b {
		return nil, errors.New("--bundle must be a gzipped tar, as heapgate policies pack writes it")
	}
	return ociLayout(tarball, "")
}
