// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
)

const maxPEMBytes = 1 << 20

// TLS names the files of a connection by https. They are read again for every request, so that rotated ones are used.
type TLS struct {
	CAFile            string // PEM of the authorities that the store's certificate is checked against, instead of the system's
	CertFile, KeyFile string // PEM of our own certificate with its chain, and of its key
	ServerName        string // name that the store's certificate must have, instead of the address's host
}

func (t TLS) check(base *url.URL) error {
	switch {
	case base.Scheme != "https":
		return fmt.Errorf("authorities, certificates and a TLS server name need a store's address with https:// (got %s://)", base.Scheme)
	case (t.CertFile == "") != (t.KeyFile == ""):
		return errors.New("a client certificate needs its key file, and a key file its certificate")
	}
	return nil
}

// transport is an HTTP transport for what the files held when they were last read. A changed file makes a new one: connections that
// were opened with the old certificate are not used for new requests.
type transport struct {
	files TLS
	mu    sync.Mutex
	sum   [sha256.Size]byte
	now   *http.Transport
}

func newTransport(base *url.URL, s Settings) (*transport, error) {
	if s.Transport != nil {
		return nil, errors.New("give either a transport or TLS files")
	}
	if err := s.TLS.check(base); err != nil {
		return nil, err
	}
	t := &transport{files: s.TLS}
	_, err := t.current() // A file that is missing now is told now.
	return t, err
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	now, err := t.current()
	if err != nil {
		return nil, err
	}
	return now.RoundTrip(r)
}

// CloseIdleConnections is what http.Client calls.
func (t *transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now != nil {
		t.now.CloseIdleConnections()
	}
}

func (t *transport) current() (*http.Transport, error) {
	var texts [3][]byte
	for i, path := range []string{t.files.CAFile, t.files.CertFile, t.files.KeyFile} {
		var err error
		if texts[i], err = readPEM(path); err != nil {
			return nil, err
		}
	}
	sum := sha256.Sum256(bytes.Join(texts[:], []byte{0}))
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now != nil && t.sum == sum {
		return t.now, nil
	}
	config, err := t.files.config(texts[0], texts[1], texts[2])
	if err != nil {
		return nil, err
	}
	if t.now != nil {
		t.now.CloseIdleConnections()
	}
	t.now, t.sum = http.DefaultTransport.(*http.Transport).Clone(), sum
	t.now.TLSClientConfig = config
	return t.now, nil
}

// config never repeats what a key file holds.
func (t TLS) config(authorities, certificate, key []byte) (*tls.Config, error) {
	config := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(authorities) {
			return nil, fmt.Errorf("CA file %s holds no certificate in PEM", t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			return nil, fmt.Errorf("client certificate %s with key %s: %w", t.CertFile, t.KeyFile, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func readPEM(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("TLS file: %w", err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxPEMBytes+1))
	if err == nil && len(text) > maxPEMBytes {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxPEMBytes)
	}
	return text, err
}
