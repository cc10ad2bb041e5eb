// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// servedTLS is --tls-cert, --tls-key and --client-ca; without a certificate the answers go over plain HTTP.
type servedTLS struct {
	cert, key, clientCA string
}

// check tells what is wrong with the flags, and with the files as they are now.
func (f servedTLS) check() error {
	switch {
	case (f.cert == "") != (f.key == ""):
		return fmt.Errorf("--tls-cert and --tls-key go together: PEM files of the certificate with its chain, and of its key (got %q and %q)", f.cert, f.key)
	case f.cert == "" && f.clientCA != "":
		return errors.New("--client-ca goes with --tls-cert and --tls-key: without TLS no caller shows a certificate")
	case f.cert == "":
		return nil
	}
	_, err := f.load()
	return err
}

// load reads the files. A caller without a certificate gets through the handshake, because a probe of /healthz has none; who asks a
// question is stopped by authorize. One with a certificate of another authority does not get through.
func (f servedTLS) load() (*tls.Config, error) {
	var texts [3][]byte
	for i, one := range []struct{ flag, file string }{{"--tls-cert", f.cert}, {"--tls-key", f.key}, {"--client-ca", f.clientCA}} {
		if one.file == "" {
			continue
		}
		var err error
		if texts[i], err = readLimited(one.file, 1<<20); err != nil {
			return nil, fmt.Errorf("%s: %w", one.flag, err)
		}
	}
	pair, err := tls.X509KeyPair(texts[0], texts[1])
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s and --tls-key %s must be PEM of a certificate and of its key: %w", f.cert, f.key, err)
	}
	config := secured()
	config.Certificates = []tls.Certificate{pair}
	if f.clientCA == "" {
		return config, nil
	}
	config.ClientAuth, config.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(texts[2]) {
		return nil, fmt.Errorf("--client-ca %s must hold certificates in PEM (got %d bytes without any)", f.clientCA, len(bytes.TrimSpace(texts[2])))
	}
	return config, nil
}

// secured is what every connection has. A ticket would let a caller in again whose authority is not trusted any more.
func secured() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, SessionTicketsDisabled: true}
}

// listen puts TLS before a listener, if there is a certificate, and says so once if there is none where others can listen.
func (f servedTLS) listen(listener net.Listener, log *slog.Logger) net.Listener {
	if f.cert == "" {
		if at, ok := listener.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
			log.Warn("questions, with their token, and answers go over plain HTTP; give --tls-cert and --tls-key, unless something before this address ends TLS", "listen", listener.Addr().String())
		}
		return listener
	}
	config, c := secured(), &certificates{files: f, log: log}
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current() }
	return tls.NewListener(listener, config)
}

// certificates are what the files held when they were last read well. They are read again when one of them has changed.
type certificates struct {
	files servedTLS
	log   *slog.Logger

	mu      sync.Mutex
	seen    [3]fileState // of what now is
	now     *tls.Config
	problem string // why the files as they are now cannot be used, so that it is told once
}

type fileState struct {
	size    int64
	changed time.Time
}

// current is called for every connection. Files that do not fit together, as in the middle of a rotation, leave what was there before.
func (c *certificates) current() (*tls.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	state, err := c.files.state()
	if err == nil && c.now != nil && state == c.seen {
		return c.now, nil
	}
	var config *tls.Config
	if err == nil {
		config, err = c.files.load()
	}
	if err != nil {
		if c.problem != err.Error() {
			c.problem = err.Error()
			c.log.Error("the certificates cannot be read again", "error", printable(c.problem))
		}
		if c.now == nil {
			return nil, err
		}
		return c.now, nil
	}
	c.now, c.seen, c.problem = config, state, ""
	leaf := config.Certificates[0].Leaf
	c.log.Info("certificates read", "not_after", leaf.NotAfter.UTC().Format(time.RFC3339), "names", leaf.DNSNames)
	return c.now, nil
}

// state follows links: a Secret that is mounted changes by them.
func (f servedTLS) state() (all [3]fileState, err error) {
	for i, file := range []string{f.cert, f.key, f.clientCA} {
		if file == "" {
			continue
		}
		info, err := os.Stat(file)
		if err != nil {
			return all, err
		}
		all[i] = fileState{info.Size(), info.ModTime()}
	}
	return all, nil
}

// certified tells whether a caller has shown a certificate of the authorities, which the handshake has verified.
func certified(r *http.Request) bool { return r.TLS != nil && len(r.TLS.VerifiedChains) > 0 }
