// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package attest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// Signer signs the encoding of an envelope (DSSE's PAE). A key in a file is one, a key management service behind a command another.
type Signer = dsse.Signer

// Key is a public key that a caller trusts: Ed25519, or ECDSA on P-256 with SHA-256, which key management services have.
type Key struct {
	public crypto.PublicKey
	id     string
}

// ParseKey reads a public key in PEM (PKIX).
func ParseKey(text []byte) (Key, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return Key{}, refuse(KindKey, "want a public key in PEM (-----BEGIN PUBLIC KEY-----); `heapgate keygen` makes one")
	}
	if next, _ := pem.Decode(rest); next != nil {
		return Key{}, refuse(KindKey, "want one public key, got more; give each in a file of its own")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return Key{}, &Error{KindKey, err}
	}
	return newKey(parsed)
}

func newKey(public crypto.PublicKey) (Key, error) {
	curve, isECDSA := public.(*ecdsa.PublicKey)
	if _, ok := public.(ed25519.PublicKey); !ok && !(isECDSA && curve.Curve == elliptic.P256()) {
		return Key{}, refuse(KindKey, "want an Ed25519 or an ECDSA P-256 key (got a %T)", public)
	}
	text, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return Key{}, &Error{KindKey, err}
	}
	sum := sha256.Sum256(text)
	return Key{public, "sha256:" + hex.EncodeToString(sum[:])}, nil
}

// KeyID is sha256: and the hash of the key's PKIX form. It is a hint, and nothing is trusted for it.
func (k Key) KeyID() (string, error) { return k.id, nil }

// Public is the key itself.
func (k Key) Public() crypto.PublicKey { return k.public }

// Verify is nil if the signature of data is by this key.
func (k Key) Verify(_ context.Context, data, signature []byte) error {
	switch public := k.public.(type) {
	case ed25519.PublicKey:
		if ed25519.Verify(public, data, signature) {
			return nil
		}
	case *ecdsa.PublicKey:
		sum := sha256.Sum256(data)
		if ecdsa.VerifyASN1(public, sum[:], signature) {
			return nil
		}
	}
	return errors.New("the signature is not by this key")
}

// fileKey signs with a private key in memory.
type fileKey struct {
	private crypto.Signer
	public  Key
}

// ParseSigner reads a private key in PEM (PKCS #8). No error repeats a part of it.
func ParseSigner(text []byte) (Signer, error) {
	wrong := refuse(KindKey, "want an Ed25519 or a P-256 private key in PEM (-----BEGIN PRIVATE KEY-----); `heapgate keygen` makes one")
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, wrong
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, wrong
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, wrong
	}
	public, err := newKey(private.Public())
	if err != nil {
		return nil, err
	}
	return fileKey{private, public}, nil
}

func (k fileKey) KeyID() (string, error) { return k.public.KeyID() }

func (k fileKey) Sign(_ context.Context, data []byte) ([]byte, error) {
	if _, ok := k.public.public.(ed25519.PublicKey); ok {
		return k.private.Sign(nil, data, crypto.Hash(0))
	}
	sum := sha256.Sum256(data)
	return k.private.Sign(rand.Reader, sum[:], crypto.SHA256)
}
