// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/heapgate/heapgate/internal/netguard"
)

// HTTPConfig says how targets are visited. Redirects are never followed, and no proxy is used: proxies of the environment
// are for the way out, not for pods.
type HTTPConfig struct {
	// Timeout of a whole visit, beside the seconds that a CPU profile or a trace takes. Default 10s.
	Timeout time.Duration `mapstructure:"timeout"`
	// TLS of targets with https.
	TLS configtls.ClientConfig `mapstructure:"tls"`
	// Credentials are sent to the one origin that they name, and to no other target.
	Credentials []CredentialConfig `mapstructure:"credentials"`
}

// CredentialConfig is what one origin wants to see.
type CredentialConfig struct {
	// Origin is scheme, host and port: https://api.shop:6060.
	Origin string `mapstructure:"origin"`
	// Auth names an authenticator extension, such as bearertokenauth.
	Auth *configauth.Config `mapstructure:"auth"`
	// Headers are sent as they are.
	Headers map[string]configopaque.String `mapstructure:"headers"`
	// PlainHTTP allows an origin with http, on which everybody on the way can read the credential.
	PlainHTTP bool `mapstructure:"plain_http"`
}

func (c *HTTPConfig) validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Timeout <= 0 {
		wrong("http::timeout must be a positive duration (got %s)", c.Timeout)
	}
	seen := map[string]int{}
	for i, credential := range c.Credentials {
		u, err := url.Parse(credential.Origin)
		switch {
		case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.User != nil, u.Path != "" && u.Path != "/", u.RawQuery != "" || u.Fragment != "":
			wrong("http::credentials[%d]::origin must be https://host:port (got one that is not)", i)
			continue
		case u.Scheme == "http" && !credential.PlainHTTP:
			wrong("http::credentials[%d]::origin must be https, or plain_http true (got %q)", i, u.Redacted())
		}
		if (credential.Auth == nil) == (len(credential.Headers) == 0) {
			wrong("http::credentials[%d] must have either auth or headers (got both or neither)", i)
		}
		if first, again := seen[u.Scheme+"://"+u.Host]; again {
			wrong("http::credentials[%d]::origin is that of credentials[%d]", i, first)
		}
		seen[u.Scheme+"://"+u.Host] = i
	}
	return errors.Join(errs...)
}

// clients are the two ways out: to what the operator wrote, and to what somebody else said.
type clients struct{ trusted, guarded *http.Client }

const (
	dialTimeout    = 5 * time.Second
	maxHeaderBytes = 16 << 10
)

// open makes the clients. A connection lives for one answer: pages of one target are minutes apart, and an idle
// connection costs more memory than all that is kept of its target.
func (c *HTTPConfig) open(ctx context.Context, extensions map[component.ID]component.Component, guard *netguard.Guard) (clients, error) {
	tlsConfig, err := c.TLS.LoadTLSConfig(ctx)
	if err != nil {
		return clients{}, fmt.Errorf("http::tls: %w", err)
	}
	type dial = func(context.Context, string, string) (net.Conn, error)
	client := func(dial dial) (*http.Client, error) {
		transport := &http.Transport{
			DialContext: dial, TLSClientConfig: tlsConfig, TLSHandshakeTimeout: dialTimeout,
			DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHeaderBytes, ReadBufferSize: 4 << 10, WriteBufferSize: 2 << 10,
		}
		tripper, err := c.credentials(ctx, extensions, transport)
		return &http.Client{Transport: tripper}, err
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	trusted, err := client(dialer.DialContext)
	if err != nil {
		return clients{}, err
	}
	guarded, err := client(guard.DialContext(dialer))
	return clients{trusted, guarded}, err
}

func (c *clients) close() {
	c.trusted.CloseIdleConnections()
	c.guarded.CloseIdleConnections()
}

// credentials binds each credential to its origin.
func (c *HTTPConfig) credentials(ctx context.Context, extensions map[component.ID]component.Component, next http.RoundTripper) (http.RoundTripper, error) {
	var all []netguard.Credential
	for i, configured := range c.Credentials {
		one := netguard.Credential{Origin: configured.Origin, PlainHTTP: configured.PlainHTTP}
		if configured.Auth == nil {
			headers := configured.Headers
			one.Add = func(req *http.Request) error {
				for name, value := range headers {
					req.Header.Set(name, string(value))
				}
				return nil
			}
		} else {
			authenticator, err := configured.Auth.GetHTTPClientAuthenticator(ctx, extensions)
			if err == nil {
				one.Through, err = authenticator.RoundTripper(next)
			}
			if err != nil {
				return nil, fmt.Errorf("http::credentials[%d]::auth: %w", i, err)
			}
		}
		all = append(all, one)
	}
	bound, err := netguard.Bind(next, all...)
	if err != nil {
		return nil, fmt.Errorf("http::credentials: %w", err)
	}
	return bound, nil
}
