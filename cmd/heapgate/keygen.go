// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"

	"github.com/spf13/cobra"
)

const keygenLong = `Write a new pair of Ed25519 keys: heapgate-verdicts.key signs the evidence bundles of a gate (--sign-key), heapgate-verdicts.pub
verifies them. Files that exist are never replaced.

Policies have keys of their own, which heapgate policies keygen makes: who signs verdicts must not be who signs rules.

Exit codes:
   0  both files are written
  40  they could not be, or are there already`

const keygenExample = `  heapgate keygen --out keys
  kubectl create secret generic heapgate-verdict-key --from-file=keys/heapgate-verdicts.key`

func newKeygenCommand(io streams) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:     "keygen --out DIR",
		Short:   "Make the keys that sign and verify verdicts",
		Long:    keygenLong,
		Example: keygenExample,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if dir == "" {
				return errors.New("--out is required: the directory for the keys")
			}
			return verdictKeys(io, dir)
		},
	}
	cmd.Flags().StringVar(&dir, "out", "", "`DIR` for the two files (required)")
	_ = cmd.MarkFlagDirname("out")
	return cmd
}

func verdictKeys(io streams, dir string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	return writeKeys(io, dir, "heapgate-verdicts", private, public)
}
