// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/bundle"
)

// A pack as a signed bundle of OPA: the modules, and /data.json with the effective limits and the schemas as text. So the digest of a
// bundle is that of the files it was made of. Its revision is that digest.
const (
	signatureAlgorithm = "ES256"
	keyID              = "default" // what opa's --verification-key takes unless told otherwise

	dataName       = "data.json"
	manifestName   = ".manifest"
	signaturesName = ".signatures.json"
)

// bundleData is /data.json.
type bundleData struct {
	Limits  map[string]any    `json:"limits"`
	Schemas map[string]string `json:"schemas"`
}

// SignBundle makes a bundle of a file tree and limits, as Load takes them, and signs it with a P-256 private key in PEM. All but the
// signature is the same for the same pack; ECDSA signs with chance. A pack that does not load is not signed.
func SignBundle(files fs.FS, limits map[string]any, privateKeyPEM []byte) ([]byte, error) {
	if err := checkPrivateKey(privateKeyPEM); err != nil {
		return nil, err
	}
	src, err := readSource(files)
	if err != nil {
		return nil, &CompileError{Err: err}
	}
	pack, err := src.load(limits)
	if err != nil {
		return nil, &CompileError{Err: err}
	}
	made, err := src.bundle(pack)
	if err != nil {
		return nil, err
	}
	config := bundle.NewSigningConfig(string(privateKeyPEM), signatureAlgorithm, "")
	if err := made.GenerateSignature(config, keyID, true); err != nil {
		return nil, fmt.Errorf("sign the bundle: %w", err)
	}
	var out bytes.Buffer
	if err := bundle.NewWriter(&out).UseModulePath(true).DisableFormat(true).Write(made); err != nil {
		return nil, fmt.Errorf("write the bundle: %w", err)
	}
	if _, err := readArchive(out.Bytes()); err != nil {
		return nil, fmt.Errorf("the bundle could not be read again: %w", err)
	}
	return out.Bytes(), nil
}

func (s *source) bundle(pack *Pack) (bundle.Bundle, error) {
	roots, version := []string{"gate", "lib", "limits", "manifest", "schemas"}, 1
	made := bundle.Bundle{Manifest: bundle.Manifest{Revision: pack.digest, Roots: &roots, RegoVersion: &version}}
	for _, name := range slices.Sorted(maps.Keys(s.modules)) {
		made.Modules = append(made.Modules, bundle.ModuleFile{Path: "/" + name, URL: "/" + name, Raw: []byte(s.modules[name])})
	}
	schemas := map[string]string{}
	for name, text := range s.schemas {
		schemas[name] = string(text)
	}
	text, err := json.Marshal(bundleData{pack.limits, schemas})
	if err != nil {
		return made, err
	}
	// OPA hashes the document as it reads it, so it gets it as read.
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return made, decoder.Decode(&made.Data)
}

// LoadBundle verifies a bundle of SignBundle with the P-256 public key in PEM and loads it. limits, from ParseLimits, may be nil and
// replace single limits of the bundle. What cannot be trusted is a *BundleError, what cannot be used a *CompileError.
func LoadBundle(tarball, publicKeyPEM []byte, limits map[string]any) (*Pack, error) {
	if err := checkPublicKey(publicKeyPEM); err != nil {
		return nil, &BundleError{Kind: BundleKey, Err: err}
	}
	files, err := readArchive(tarball)
	if err != nil {
		return nil, err
	}
	if err := verify(files, publicKeyPEM); err != nil {
		return nil, err
	}
	src, err := bundleSource(files)
	if err != nil {
		return nil, &BundleError{Kind: BundleMalformed, Err: err}
	}
	pack, err := src.load(limits)
	if err != nil {
		return nil, &CompileError{Err: err}
	}
	return pack, nil
}

// verify holds every file to the signature with OPA's own functions. OPA's bundle reader is not used: it verifies no delta bundle, and
// reads modules before it says that they were tampered with.
func verify(files map[string][]byte, publicKeyPEM []byte) error {
	text, ok := files[signaturesName]
	if !ok {
		return &BundleError{Kind: BundleUnsigned, Err: errors.New("the bundle has no .signatures.json; `heapgate policies pack` signs one")}
	}
	var signatures bundle.SignaturesConfig
	if err := json.Unmarshal(text, &signatures); err != nil {
		return &BundleError{Kind: BundleMalformed, Err: fmt.Errorf("%s: %w", signaturesName, err)}
	}
	if len(signatures.Signatures) == 0 {
		return &BundleError{Kind: BundleUnsigned, Err: fmt.Errorf("%s holds no signature", signaturesName)}
	}
	key := &bundle.KeyConfig{Key: string(publicKeyPEM), Algorithm: signatureAlgorithm}
	config := bundle.NewVerificationConfig(map[string]*bundle.KeyConfig{keyID: key}, keyID, "", nil)
	signed, err := bundle.VerifyBundleSignature(signatures, config)
	if err != nil {
		return &BundleError{Kind: BundleUntrusted, Err: fmt.Errorf("the bundle is not signed with this key: %w", err)}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if name == signaturesName {
			continue
		}
		if err := bundle.VerifyBundleFile(name, *bytes.NewBuffer(files[name]), signed); err != nil {
			return &BundleError{Kind: BundleTampered, Err: err}
		}
	}
	if len(signed) > 0 {
		return &BundleError{Kind: BundleTampered, Err: fmt.Errorf("signed but missing: %s", strings.Join(slices.Sorted(maps.Keys(signed)), ", "))}
	}
	return nil
}

// bundleSource is the source that the bundle was made of. Limits are its defaults; JSON is YAML too.
func bundleSource(files map[string][]byte) (*source, error) {
	src := &source{modules: map[string]string{}, schemas: map[string][]byte{}}
	for name, text := range files {
		if strings.HasSuffix(name, ".rego") {
			src.modules[name] = string(text)
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(files[dataName]))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	var data bundleData
	if err := decoder.Decode(&data); err != nil {
		return nil, fmt.Errorf("%s: want limits and schemas: %w", dataName, err)
	}
	for name, text := range data.Schemas {
		src.schemas[name] = []byte(text)
	}
	var err error
	src.defaults, err = json.Marshal(map[string]any{"limits": data.Limits})
	return src, err
}

func checkPublicKey(text []byte) error {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return errors.New("want a public key in PEM (-----BEGIN PUBLIC KEY-----); `heapgate policies keygen` makes one")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return err
	}
	if key, ok := parsed.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		return fmt.Errorf("want an ECDSA key on the curve P-256 (got a %T)", parsed)
	}
	return nil
}

func checkPrivateKey(text []byte) error {
	block, _ := pem.Decode(text)
	wrong := errors.New("want a P-256 private key in PEM (-----BEGIN PRIVATE KEY-----); `heapgate policies keygen` makes one")
	if block == nil {
		return wrong
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil && key.Curve == elliptic.P256() {
		return nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if key, ok := parsed.(*ecdsa.PrivateKey); err != nil || !ok || key.Curve != elliptic.P256() {
		return wrong
	}
	return nil
}
