// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package netguard

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// recorder is the network: it keeps the last request and answers nothing of interest.
type recorder struct {
	req  *http.Request
	idle int
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.req = req
	return &http.Response{StatusCode: 200, Body: http.NoBody, Request: req}, nil
}

func (r *recorder) CloseIdleConnections() { r.idle++ }

func bearer(req *http.Request) error {
	req.Header.Set("Authorization", "Bearer hunter2")
	return nil
}

func bind(t *testing.T, next http.RoundTripper, all ...Credential) *Credentials {
	t.Helper()
	c, err := Bind(next, all...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func send(t *testing.T, c http.RoundTripper, raw string, change func(*http.Request)) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, raw, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(req)
	}
	before := req.Header.Clone()
	resp, err := c.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if len(before) != len(req.Header) {
		t.Errorf("%s: the caller's request was changed", raw)
	}
	return req
}

// TestOneOrigin: the credential goes to its origin in whatever spelling, and nowhere else.
func TestOneOrigin(t *testing.T) {
	for bound, targets := range map[string]map[string]bool{
		"https://shop.example": {
			"https://shop.example/x": true, "https://SHOP.example:443/": true, "HTTPS://shop.example:0443": true, "https://eve@shop.example/": true,
			"http://shop.example/": false, "https://shop.example:8443": false, "https://shop.example.": false, "https://shop.example.evil.com": false,
			"https://evil.com/shop.example": false, "https://shop.example@evil.com": false, "https://sub.shop.example": false, "http://shop.example:443": false,
		},
		"https://k8s.example:6443/ignored?x": {
			"https://k8s.example:6443": true, "https://\u212a8s.example:6443": false, "https://k8s.example": false,
		},
		"https://[fd12::1]:6060": {"https://[FD12:0:0::1]:6060": true, "https://[fd12::1]": false, "https://[fd12::2]:6060": false},
		"https://10.0.0.1":       {"https://10.0.0.1": true, "https://[::ffff:10.0.0.1]": false},
	} {
		network := new(recorder)
		c := bind(t, network, Credential{Origin: bound, Add: bearer})
		for to, want := range targets {
			send(t, c, to, nil)
			if got := network.req.Header.Get("Authorization") != ""; got != want {
				t.Errorf("bound to %s, sent to %s: credential %v, want %v", bound, to, got, want)
			}
		}
	}
}

// TestForeignCredentials are taken off everywhere but at an origin that has one bound.
func TestForeignCredentials(t *testing.T) {
	network := new(recorder)
	c := bind(t, network, Credential{Origin: "https://shop.example", Add: bearer})
	foreign := func(req *http.Request) {
		req.Header = http.Header{"Authorization": {"Basic hunter2"}, "cookie": {"hunter2"}, "Proxy-Authorization": {"hunter2"}, "X-Own": {"1"}}
	}
	send(t, c, "https://other.example", foreign)
	if got := network.req.Header; len(got) != 1 || got.Get("X-Own") != "1" {
		t.Errorf("another origin got %v", got)
	}
	send(t, c, "https://shop.example", foreign)
	if got := network.req.Header.Get("Authorization"); got != "Bearer hunter2" {
		t.Errorf("the own origin got %q", got)
	}
	send(t, c, "https://shop.example", func(req *http.Request) { foreign(req); req.Host = "evil.example" })
	if got := network.req.Header; len(got) != 1 {
		t.Errorf("another Host header got %v", got)
	}
	send(t, c, "https://shop.example", func(req *http.Request) { req.Host = "SHOP.example:443" })
	if network.req.Header.Get("Authorization") == "" {
		t.Error("the same Host in another spelling got nothing")
	}
}

// TestRedirected: http.Client carries headers to where it is sent; the credential stays.
func TestRedirected(t *testing.T) {
	heard := map[string]string{}
	evil := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { heard["evil"] = r.Header.Get("Authorization") }))
	defer evil.Close()
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard["good"] = r.Header.Get("Authorization")
		http.Redirect(w, r, evil.URL, http.StatusFound)
	}))
	defer good.Close()
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: bind(t, transport, Credential{Origin: good.URL, Add: bearer, PlainHTTP: true})}
	for _, raw := range []string{good.URL, strings.Replace(good.URL, "http://", "http://alice:hunter2@", 1)} {
		resp, err := client.Get(raw)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if heard["good"] != "Bearer hunter2" || heard["evil"] != "" {
			t.Errorf("heard %v", heard)
		}
	}
	resp, err := client.Get(strings.Replace(evil.URL, "http://", "http://alice:hunter2@", 1))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if heard["evil"] != "" {
		t.Error("a URL's userinfo was sent")
	}
}

func TestThrough(t *testing.T) {
	network, own := new(recorder), new(recorder)
	c := bind(t, network, Credential{Origin: "https://shop.example", Through: own})
	send(t, c, "https://shop.example", nil)
	send(t, c, "https://other.example", nil)
	if own.req.URL.Host != "shop.example" || network.req.URL.Host != "other.example" {
		t.Errorf("through went %s, past it %s", own.req.URL, network.req.URL)
	}
	c.CloseIdleConnections()
	if own.idle != 1 || network.idle != 1 {
		t.Error("idle connections are not closed")
	}
}

func TestBadBindings(t *testing.T) {
	for name, all := range map[string][]Credential{
		"unencrypted": {{Origin: "http://shop.example", Add: bearer}},
		"no URL":      {{Origin: "http://alice:hunter2@%zz", Add: bearer}},
		"no scheme":   {{Origin: "shop.example", Add: bearer}},
		"ftp":         {{Origin: "ftp://shop.example", Add: bearer}},
		"no host":     {{Origin: "https://", Add: bearer}},
		"no ASCII":    {{Origin: "https://b\u00fccher.example", Add: bearer}},
		"bad port":    {{Origin: "https://shop.example:99999", Add: bearer}},
		"neither":     {{Origin: "https://shop.example"}},
		"both":        {{Origin: "https://shop.example", Add: bearer, Through: new(recorder)}},
		"twice":       {{Origin: "https://shop.example", Add: bearer}, {Origin: "https://SHOP.example:443", Add: bearer}},
	} {
		if c, err := Bind(nil, all...); err == nil || c != nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, %v", name, c, err)
		}
	}
	if c, err := Bind(nil); err != nil || c.next != http.DefaultTransport {
		t.Errorf("none: got %v, %v", c, err)
	}
}

type closedBody struct {
	io.Reader
	closed bool
}

func (b *closedBody) Close() error { b.closed = true; return nil }

func TestCredentialFails(t *testing.T) {
	broken := errors.New("no token")
	network := new(recorder)
	for _, add := range []func(*http.Request) error{
		func(*http.Request) error { return broken },
		func(req *http.Request) error { req.URL = &url.URL{Scheme: "https", Host: "evil.example"}; return nil },
		func(req *http.Request) error { req.Host = "evil.example"; return nil },
	} {
		body := &closedBody{Reader: strings.NewReader("x")}
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://shop.example", body)
		_, err := bind(t, network, Credential{Origin: "https://shop.example", Add: add}).RoundTrip(req)
		if err == nil || network.req != nil || !body.closed {
			t.Errorf("got %v, sent %v, body closed %v", err, network.req, body.closed)
		}
	}
}
