// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

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
	privateText, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	publicText, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, file := range []struct {
		name, kind string
		content    []byte
	}{{"heapgate-verdicts.key", "PRIVATE KEY", privateText}, {"heapgate-verdicts.pub", "PUBLIC KEY", publicText}} {
		path := filepath.Join(dir, file.name)
		if err := writeNew(path, pem.EncodeToMemory(&pem.Block{Type: file.kind, Bytes: file.content})); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(io.out, path)
	}
	return nil
}
