// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBasicPasswordIsReadForEveryRequest(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "password"), "first\n")
	var got []string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		got = append(got, user+":"+password)
		if password == "third pass" {
			w.WriteHeader(401)
			_, _ = io.WriteString(w, "no such user: "+user+" with "+password)
			return
		}
		_, _ = io.WriteString(w, vectorOf1)
	})
	c := client(t, server.URL, Settings{BasicUser: "reader", BasicPasswordFile: file})
	for _, password := range []string{"first\n", "second"} {
		write(t, file, password)
		if _, err := c.Query(t.Context(), "up", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	write(t, file, "third pass")
	_, err := c.Query(t.Context(), "up", time.Now())
	wantKind(t, err, KindHTTPStatus, "401")
	if strings.Contains(err.Error(), "third pass") || strings.Contains(err.Error(), "reader") {
		t.Errorf("the error prints the credentials: %v", err)
	}
	write(t, file, "two\nlines")
	_, err = c.Query(t.Context(), "up", time.Now())
	wantKind(t, err, KindRefused, "password file")
	if want := "reader:first reader:second reader:third pass"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// signer is a cloud's credentials: bound to one origin, a function of the body.
type signer struct {
	origin string
	err    error
	silent bool
}

func (s signer) Authorize(r *http.Request, body []byte) error {
	if s.err != nil || Origin(r.URL) != s.origin {
		return errors.Join(s.err, errors.New("wrong origin"))
	}
	if !s.silent {
		r.Header.Set("Authorization", "Signed canary-"+string(body[:5]))
		r.Header.Set("X-Token", "canary-session")
	}
	return nil
}

func TestAuthorizerSignsTheBodyAndStaysSecret(t *testing.T) {
	var body string
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		body = r.Header.Get("Authorization") + "|" + string(raw)
		w.WriteHeader(403)
		_, _ = io.WriteString(w, "rejected "+r.Header.Get("Authorization")+" and "+r.Header.Get("X-Token"))
	})
	base, _ := url.Parse(server.URL)
	_, err := client(t, server.URL, Settings{Authorizer: signer{origin: Origin(base)}}).Query(t.Context(), "up", time.Unix(1, 0))
	wantKind(t, err, KindHTTPStatus, "403")
	if strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), redacted) {
		t.Errorf("the error prints what was signed: %v", err)
	}
	if body != "Signed canary-query|query=up&time=1.000&timeout=30" {
		t.Errorf("the store got %q", body)
	}
	for text, one := range map[string]signer{"no credentials found": {err: errors.New("no credentials found")}, "no Authorization header": {origin: Origin(base), silent: true}} {
		_, err := client(t, server.URL, Settings{Authorizer: one}).Query(t.Context(), "up", time.Unix(1, 0))
		wantKind(t, err, KindRefused, text)
	}
}

func TestOrigin(t *testing.T) {
	for text, want := range map[string]string{
		"http://h": "http://h:80", "HTTPS://H/x?y": "https://h:443", "https://h:443": "https://h:443", "http://h:443": "http://h:443",
		"http://[::1]/": "http://[::1]:80", "http://user:canary@h:1/": "http://h:1", "https://h.:443": "https://h.:443",
	} {
		u, err := url.Parse(text)
		if err != nil || Origin(u) != want {
			t.Errorf("%s has the origin %s (%v), want %s", text, Origin(u), err, want)
		}
	}
}

// TestNoRedirectTakesCredentialsAlong has every status and every way of being elsewhere, for every kind of credentials.
func TestNoRedirectTakesCredentialsAlong(t *testing.T) {
	var followed atomic.Int64
	count := func(http.ResponseWriter, *http.Request) { followed.Add(1) }
	other, secure := serve(t, count), httptest.NewTLSServer(http.HandlerFunc(count))
	t.Cleanup(secure.Close)
	file := write(t, filepath.Join(t.TempDir(), "secret"), "canary-secret")
	var location string
	var status int
	here := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/elsewhere") {
			followed.Add(1)
		}
		w.Header().Set("Location", location)
		w.WriteHeader(status)
	})
	base, _ := url.Parse(here.URL)
	for where, to := range map[string]string{
		"other port": other.URL, "other host": strings.Replace(here.URL, "127.0.0.1", "localhost", 1) + "/elsewhere", "other scheme": secure.URL,
		"same origin": here.URL + "/elsewhere", "relative": "/elsewhere", "no scheme": "//" + other.Listener.Addr().String() + "/", "userinfo": strings.Replace(other.URL, "://", "://canary-secret@", 1),
	} {
		for _, code := range []int{301, 302, 303, 307, 308} {
			location, status = to, code
			for way, s := range map[string]Settings{
				"bearer": {BearerTokenFile: file}, "basic": {BasicUser: "canary", BasicPasswordFile: file}, "tenant": {Headers: map[string]string{"X-Scope-OrgID": "canary-secret"}},
				"cloud": {Authorizer: signer{origin: Origin(base)}},
			} {
				_, err := client(t, here.URL, s).Query(t.Context(), "up", time.Now())
				wantKind(t, err, KindHTTPStatus, "the store redirects")
				if strings.Contains(err.Error(), "canary") {
					t.Errorf("%d to %s with %s prints %v", code, where, way, err)
				}
			}
		}
	}
	if n := followed.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func TestOneWayToSayWhoIsAsking(t *testing.T) {
	for name, tt := range map[string]struct {
		address, text string
		s             Settings
	}{
		"token and user":        {"http://h", "a bearer token file and a user with a password file", Settings{BearerTokenFile: "f", BasicUser: "u", BasicPasswordFile: "p"}},
		"cloud and token":       {"http://h", "a bearer token file and the credentials of a cloud", Settings{BearerTokenFile: "f", Authorizer: signer{}}},
		"address and user":      {"http://u:canary@h", "give only one of userinfo", Settings{BasicUser: "u", BasicPasswordFile: "p"}},
		"user without file":     {"http://h", "needs a password file", Settings{BasicUser: "u"}},
		"file without user":     {"http://h", "a password file a user", Settings{BasicPasswordFile: "f"}},
		"colon":                 {"http://h", "without colons", Settings{BasicUser: "canary:x", BasicPasswordFile: "f"}},
		"authorities over http": {"http://h", "need a store's address with https:// (got http://)", Settings{TLS: TLS{CAFile: "f"}}},
		"name over http":        {"http://h", "https://", Settings{TLS: TLS{ServerName: "x"}}},
		"certificate alone":     {"https://h", "needs its key file", Settings{TLS: TLS{CertFile: "f"}}},
		"key alone":             {"https://h", "needs its key file", Settings{TLS: TLS{KeyFile: "f"}}},
		"missing file":          {"https://h", "no such file", Settings{TLS: TLS{CAFile: "/nowhere/ca.pem"}}},
		"no PEM":                {"https://h", "holds no certificate in PEM", Settings{TLS: TLS{CAFile: os.DevNull}}},
		"transport and TLS":     {"https://h", "either a transport or TLS", Settings{TLS: TLS{CAFile: "f"}, Transport: http.DefaultTransport}},
	} {
		_, err := New(tt.address, tt.s)
		if err == nil || !strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: error %v, want %q", name, err, tt.text)
		}
	}
}
