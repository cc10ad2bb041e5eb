// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/heapgate/heapgate/cmd/heapgate/watch"
)

// authority signs certificates of a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func inPEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, _ := x509.ParseCertificate(raw)
	return authority{certificate, key}
}

func (a authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

func (a authority) issue(t *testing.T) (certificate, key []byte) {
	t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &own.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	return inPEM("CERTIFICATE", raw), inPEM("PRIVATE KEY", text)
}

// secureServer is the server with files that can be changed.
type secureServer struct {
	files   servedTLS
	address string
	written int // so often; each time is another second on the files
	mu      sync.Mutex
	log     bytes.Buffer
}

func (s *secureServer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

func (s *secureServer) logged(text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.log.String(), text)
}

func (s *secureServer) put(t *testing.T, file string, content []byte) {
	t.Helper()
	s.written++
	at := time.Now().Add(time.Duration(s.written) * time.Second)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
}

func (s *secureServer) serve(t *testing.T, a authority, clients *authority) {
	t.Helper()
	dir := t.TempDir()
	s.files = servedTLS{cert: filepath.Join(dir, "tls.crt"), key: filepath.Join(dir, "tls.key")}
	certificate, key := a.issue(t)
	s.put(t, s.files.cert, certificate)
	s.put(t, s.files.key, key)
	if clients != nil {
		s.files.clientCA = filepath.Join(dir, "ca.crt")
		s.put(t, s.files.clientCA, inPEM("CERTIFICATE", clients.certificate.Raw))
	}
	if err := s.files.check(); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	handler := serveWith(&looked{answers: []report{passes}}, func(f *serveFlags, _ *gateSettings) { f.tls = s.files })
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		log := slog.New(slog.NewTextHandler(s, nil))
		ended <- watch.Serve(ctx, s.files.listen(listener, log), handler, slog.NewLogLogger(log.Handler(), slog.LevelWarn))
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// get asks over a new connection.
func (s *secureServer) get(t *testing.T, path string, config *tls.Config) (int, error) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.Body.Close()
}

func TestServeByHTTPS(t *testing.T) {
	one, two := newAuthority(t, "one"), newAuthority(t, "two")
	s := &secureServer{}
	s.serve(t, one, nil)
	if code, err := s.get(t, shopV2, &tls.Config{RootCAs: one.pool()}); code != 200 {
		t.Fatalf("%d, %v", code, err)
	}
	if _, err := s.get(t, shopV2, &tls.Config{RootCAs: one.pool(), MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil || !strings.Contains(err.Error(), "protocol version not supported") {
		t.Errorf("TLS 1.1 was let in: %v", err)
	}
	// A rotation: the certificate comes before its key. Until both are there, the old pair serves, and the log says so once.
	certificate, key := two.issue(t)
	s.put(t, s.files.cert, certificate)
	for range 3 {
		if code, err := s.get(t, shopV2, &tls.Config{RootCAs: one.pool()}); code != 200 {
			t.Errorf("between the files: %d, %v", code, err)
		}
	}
	s.put(t, s.files.key, key)
	if code, err := s.get(t, shopV2, &tls.Config{RootCAs: two.pool()}); code != 200 {
		t.Errorf("after the rotation: %d, %v", code, err)
	}
	if _, err := s.get(t, shopV2, &tls.Config{RootCAs: one.pool()}); err == nil {
		t.Error("the old certificate is still there")
	}
	if err := os.Remove(s.files.key); err != nil {
		t.Fatal(err)
	}
	if code, err := s.get(t, shopV2, &tls.Config{RootCAs: two.pool()}); code != 200 {
		t.Errorf("without the key's file: %d, %v", code, err)
	}
	if again, read := s.logged("cannot be read again"), s.logged("certificates read"); again != 2 || read != 2 || s.logged("plain HTTP") != 0 {
		t.Errorf("told %d problems and %d readings\n%s", again, read, s.log.String())
	}
}

func TestServeAsksForCertificates(t *testing.T) {
	own, callers, others := newAuthority(t, "own"), newAuthority(t, "callers"), newAuthority(t, "others")
	s := &secureServer{}
	s.serve(t, own, &callers)
	with := func(a *authority) *tls.Config {
		config := &tls.Config{RootCAs: own.pool()}
		if a != nil {
			pair, err := tls.X509KeyPair(a.issue(t))
			if err != nil {
				t.Fatal(err)
			}
			// Whatever the server asks for, this is shown.
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		return config
	}
	for name, tt := range map[string]struct {
		path   string
		caller *authority
		code   int // 0: no connection
	}{
		"right": {shopV2, &callers, 200}, "none": {shopV2, nil, 401}, "wrong": {shopV2, &others, 0}, "its own": {shopV2, &own, 0},
		"probe": {"/healthz", nil, 200}, "metrics": {"/metrics", nil, 200}, "wrong probe": {"/healthz", &others, 0},
	} {
		if code, err := s.get(t, tt.path, with(tt.caller)); code != tt.code || (err == nil) != (tt.code != 0) {
			t.Errorf("%s: %d, %v; want %d", name, code, err, tt.code)
		}
	}
	s.put(t, s.files.clientCA, inPEM("CERTIFICATE", others.certificate.Raw))
	if code, err := s.get(t, shopV2, with(&others)); code != 200 {
		t.Errorf("the new authority: %d, %v", code, err)
	}
	if code, err := s.get(t, shopV2, with(&callers)); err == nil {
		t.Errorf("the old authority: %d", code)
	}
}

// TestServeRunsByHTTPS is the command itself with its flags.
func TestServeRunsByHTTPS(t *testing.T) {
	a := newAuthority(t, "a")
	dir := t.TempDir()
	s := &secureServer{files: servedTLS{cert: filepath.Join(dir, "tls.crt"), key: filepath.Join(dir, "tls.key"), clientCA: filepath.Join(dir, "ca.crt")}}
	certificate, key := a.issue(t)
	s.put(t, s.files.cert, certificate)
	s.put(t, s.files.key, key)
	s.put(t, s.files.clientCA, inPEM("CERTIFICATE", a.certificate.Raw))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	read, write := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		args := []string{"serve", "--store", "http://127.0.0.1:1", "--namespaces", "shop", "--anonymous", "--listen", "127.0.0.1:0", "--tls-cert", s.files.cert, "--tls-key", s.files.key, "--client-ca", s.files.clientCA}
		ended <- run(ctx, args, streams{in: strings.NewReader(""), out: io.Discard, err: write})
		_ = write.Close()
	}()
	var listening struct{ Listen string }
	if err := json.NewDecoder(read).Decode(&listening); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, read) }()
	s.address = listening.Listen
	for path, want := range map[string]int{"/healthz": 200, shopV2: 401} {
		if code, err := s.get(t, path, &tls.Config{RootCAs: a.pool()}); code != want {
			t.Errorf("%s: %d, %v", path, code, err)
		}
	}
	stop()
	if code := <-ended; code != exitPass {
		t.Errorf("exit code %d", code)
	}
}

// TestServePlainly: without TLS it works, and says so where others can listen.
func TestServePlainly(t *testing.T) {
	for address, want := range map[string]int{"127.0.0.1:0": 0, ":0": 1} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		s := &secureServer{}
		if got := (servedTLS{}).listen(listener, slog.New(slog.NewTextHandler(s, nil))); got != listener || s.logged("plain HTTP") != want {
			t.Errorf("%s: %s", address, s.log.String())
		}
		_ = listener.Close()
	}
}
