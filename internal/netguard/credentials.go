// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Credential is what proves the client to one origin. Exactly one of Add and Through is set.
type Credential struct {
	Origin    string                        // scheme://host[:port]; a path and userinfo are ignored
	Add       func(req *http.Request) error // puts the credential on a request, which is a copy
	Through   http.RoundTripper             // sends a request and adds the credential itself, as authenticators of libraries do
	PlainHTTP bool                          // it may be sent unencrypted
}

// Credentials is a RoundTripper that uses each Credential for requests to its origin and for no other. From requests to
// any other origin it takes whatever credentials stand on them already: those of a URL's userinfo, of a redirect, of a
// client that adds its own to everything.
type Credentials struct {
	next    http.RoundTripper
	origins map[origin]Credential
}

// carriers are the headers that carry credentials; RFC 9110 11.6.2 and 11.7.2, RFC 6265 5.4.
var carriers = []string{"Authorization", "Proxy-Authorization", "Cookie"}

// Bind makes Credentials that send through next; nil means http.DefaultTransport. Its error tells no secret.
func Bind(next http.RoundTripper, all ...Credential) (*Credentials, error) {
	if next == nil {
		next = http.DefaultTransport
	}
	c := &Credentials{next: next, origins: map[origin]Credential{}}
	for _, credential := range all {
		u, err := url.Parse(credential.Origin)
		if err != nil {
			return nil, errors.New("a credential's origin is not a URL; want scheme://host or scheme://host:port")
		}
		at, ok := originOf(u)
		switch {
		case !ok:
			return nil, fmt.Errorf("a credential's origin must be http or https and have a host in ASCII (got scheme %.20q)", u.Scheme)
		case at.scheme == "http" && !credential.PlainHTTP:
			return nil, fmt.Errorf("a credential for %s would be sent unencrypted; use https, or allow plain HTTP for it", at)
		case (credential.Add == nil) == (credential.Through == nil):
			return nil, fmt.Errorf("the credential for %s must have one of Add and Through", at)
		}
		if _, ok := c.origins[at]; ok {
			return nil, fmt.Errorf("%s has two credentials, want one", at)
		}
		c.origins[at] = credential
	}
	return c, nil
}

// RoundTrip sends the request, with the credential of its origin or with none.
func (c *Credentials) RoundTrip(req *http.Request) (*http.Response, error) {
	at, ok := originOf(req.URL)
	credential, bound := c.origins[at]
	if !ok || !bound || !sameHost(req, at) {
		return c.next.RoundTrip(without(req))
	}
	if credential.Through != nil {
		return credential.Through.RoundTrip(req)
	}
	proven := req.Clone(req.Context()) // a RoundTripper may not change what it is given
	if err := credential.prove(proven, at); err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	return c.next.RoundTrip(proven)
}

// prove adds the credential, and sees that the request is still one to its origin.
func (c *Credential) prove(req *http.Request, at origin) error {
	if err := c.Add(req); err != nil {
		return fmt.Errorf("credential for %s: %w", at, err)
	}
	if now, ok := originOf(req.URL); !ok || now != at || !sameHost(req, at) {
		return fmt.Errorf("the credential for %s sent the request to another origin", at)
	}
	return nil
}

// CloseIdleConnections reaches what is wrapped, as http.Client does.
func (c *Credentials) CloseIdleConnections() {
	type closer interface{ CloseIdleConnections() }
	if next, ok := c.next.(closer); ok {
		next.CloseIdleConnections()
	}
	for _, credential := range c.origins {
		if through, ok := credential.Through.(closer); ok {
			through.CloseIdleConnections()
		}
	}
}

// without gives the request without credentials: itself if it has none.
func without(req *http.Request) *http.Request {
	copied := false
	for name := range req.Header { // a name need not be in its canonical form
		if !slices.Contains(carriers, http.CanonicalHeaderKey(name)) {
			continue
		}
		if !copied {
			req, copied = req.Clone(req.Context()), true
		}
		delete(req.Header, name)
	}
	return req
}

// origin is what RFC 6454 compares: scheme, host and port, in one spelling.
type origin struct {
	scheme, host, port string
}

func (o origin) String() string {
	host := o.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return o.scheme + "://" + host + ":" + o.port
}

// originOf normalises: ASCII lower case, an IP address in its canonical form, the default port written out. A host that
// is not ASCII has no origin: case folding would make one of it (U+212A is a k).
func originOf(u *url.URL) (origin, bool) {
	o := origin{scheme: strings.ToLower(u.Scheme), host: u.Hostname(), port: u.Port()}
	switch {
	case o.port != "":
	case o.scheme == "http":
		o.port = "80"
	case o.scheme == "https":
		o.port = "443"
	}
	if o.scheme != "http" && o.scheme != "https" || o.host == "" || u.Opaque != "" {
		return origin{}, false
	}
	n, err := strconv.ParseUint(o.port, 10, 16)
	if err != nil || n == 0 {
		return origin{}, false
	}
	o.port = strconv.FormatUint(n, 10)
	for i := range len(o.host) {
		if o.host[i] >= 0x80 {
			return origin{}, false
		}
	}
	o.host = strings.ToLower(o.host)
	if addr, err := netip.ParseAddr(o.host); err == nil {
		o.host = addr.String()
	}
	return o, true
}

// sameHost tells whether the Host header, which a shared proxy goes by, names the origin too.
func sameHost(req *http.Request, at origin) bool {
	if req.Host == "" || req.Host == req.URL.Host {
		return true
	}
	named, ok := originOf(&url.URL{Scheme: at.scheme, Host: req.Host})
	return ok && named == at
}
