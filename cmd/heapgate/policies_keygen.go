// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func newPoliciesKeygenCommand(io streams) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "keygen --out DIR",
		Short: "Write a new pair of keys: heapgate-policies.key signs bundles, heapgate-policies.pub verifies them",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if dir == "" {
				return errors.New("--out is required: the directory for the keys")
			}
			return keygen(io, dir)
		},
	}
	cmd.Flags().StringVar(&dir, "out", "", "`DIR` for the two files (required)")
	return cmd
}

func keygen(io streams, dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	return writeKeys(io, dir, "heapgate-policies", key, &key.PublicKey)
}

// writeKeys writes a pair as NAME.key (PKCS #8) and NAME.pub (PKIX), both in PEM, and says where.
func writeKeys(io streams, dir, name string, private, public any) error {
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
		suffix, kind string
		content      []byte
	}{{".key", "PRIVATE KEY", privateText}, {".pub", "PUBLIC KEY", publicText}} {
		path := filepath.Join(dir, name+file.suffix)
		if err := writeNew(path, pem.EncodeToMemory(&pem.Block{Type: file.kind, Bytes: file.content})); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(io.out, path)
	}
	return nil
}

// writeNew never replaces a key: what was signed with it could not be verified any more.
func writeNew(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}
