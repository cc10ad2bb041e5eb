// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority signs certificates of a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         string
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, _ := x509.ParseCertificate(raw)
	return authority{certificate, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))}
}

func (a authority) issue(t *testing.T, name string) (certificate, key string) {
	t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &own.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}))
}

// mutual is a store that asks for a certificate of its authority and remembers whose came.
func mutual(t *testing.T, a authority, came *[]string) *httptest.Server {
	t.Helper()
	certificate, key := a.issue(t, "store.example")
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*came = append(*came, r.TLS.PeerCertificates[0].Subject.CommonName)
		_, _ = io.WriteString(w, vectorOf1)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func TestCertificatesAreReadAgain(t *testing.T) {
	trusted, stranger := newAuthority(t), newAuthority(t)
	var came []string
	server := mutual(t, trusted, &came)
	dir := t.TempDir()
	ca := write(t, filepath.Join(dir, "ca.pem"), trusted.pem)
	files := TLS{CAFile: ca, CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	give := func(a authority, name string) {
		certificate, key := a.issue(t, name)
		write(t, files.CertFile, certificate)
		write(t, files.KeyFile, key)
	}
	give(trusted, "first")
	c := client(t, server.URL, Settings{TLS: files})
	ask := func() error {
		_, err := c.Query(t.Context(), "up", time.Now())
		return err
	}
	for range 2 {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	give(trusted, "second")
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(came, " "); got != "first first second" {
		t.Errorf("the store saw %s", got)
	}
	give(stranger, "third")
	wantKind(t, ask(), KindRefused, "")
	give(trusted, "fourth")
	write(t, ca, stranger.pem)
	wantKind(t, ask(), KindRefused, "certificate")
	write(t, ca, trusted.pem)
	write(t, files.KeyFile, "canary")
	err := ask()
	wantKind(t, err, KindRefused, "client certificate")
	if strings.Contains(err.Error(), "canary") || len(came) != 3 {
		t.Errorf("%v; the store saw %q", err, came)
	}
}

func TestServerNameIsChecked(t *testing.T) {
	a := newAuthority(t)
	var came []string
	server := mutual(t, a, &came)
	dir := t.TempDir()
	certificate, key := a.issue(t, "gate")
	files := TLS{CAFile: write(t, filepath.Join(dir, "ca"), a.pem), CertFile: write(t, filepath.Join(dir, "cert"), certificate), KeyFile: write(t, filepath.Join(dir, "key"), key)}
	for name, right := range map[string]bool{"store.example": true, "other.example": false} {
		files.ServerName = name
		_, err := client(t, server.URL, Settings{TLS: files}).Query(t.Context(), "up", time.Now())
		if (err == nil) != right {
			t.Errorf("server name %s: %v", name, err)
		}
	}
	// Without the authority's file the system's authorities are asked, and none of them knows the store.
	_, err := client(t, server.URL, Settings{}).Query(t.Context(), "up", time.Now())
	wantKind(t, err, KindRefused, "certificate")
}
