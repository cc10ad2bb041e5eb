// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"sort"
	"strings"
)

const (
	redacted      = "REDACTED"
	maxTokenBytes = 64 << 10
)

// parseAddress splits the userinfo off, so that no later print of the address can hold it.
func parseAddress(address string) (*url.URL, *url.Userinfo, error) {
	base, err := url.Parse(address)
	if err != nil {
		// url.Error repeats the address, and with it a password.
		return nil, nil, errors.New("the store's address is not a URL; give one like http://127.0.0.1:9464")
	}
	user := base.User
	base.User = nil
	base.Path = strings.TrimRight(base.Path, "/")
	switch {
	case base.Scheme != "http" && base.Scheme != "https":
		return nil, nil, fmt.Errorf("the store's address must start with http:// or https:// (got scheme %q)", base.Scheme)
	case base.Hostname() == "":
		return nil, nil, errors.New("the store's address has no host; give one like http://127.0.0.1:9464")
	case base.RawQuery != "" || base.Fragment != "" || base.ForceQuery:
		return nil, nil, fmt.Errorf("the store's address must have no query and no fragment (got %q)", base.Host+base.Path+"?...")
	case strings.Contains(base.Path, "/api/v1"):
		return nil, nil, fmt.Errorf("the store's address must end before /api/v1 (got path %q)", base.Path)
	}
	return base, user, nil
}

// Authorizer sets the credentials of one request: a token that has to be fetched, a signature over the body. It belongs to one
// origin and must refuse a request to any other (see Origin). What it puts into headers never shows in an error of this package.
type Authorizer interface {
	Authorize(r *http.Request, body []byte) error
}

// Origin is what credentials are bound to: scheme, host and port, in one spelling (RFC 6454, 4 and 6.2).
func Origin(u *url.URL) string {
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[scheme]
	}
	return scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// auth holds the credentials of one origin.
type auth struct {
	user         *url.Userinfo
	tokenFile    string
	basicUser    string
	passwordFile string
	authorizer   Authorizer
	headers      map[string]string
}

// RFC 9110, 5.1 and 5.5: a token, and no control characters in its value.
var (
	headerName  = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
	headerValue = regexp.MustCompile(`^[^\x00-\x08\x0a-\x1f\x7f]+$`)
)

// The client sets these itself.
var ownHeaders = map[string]bool{"Host": true, "Content-Type": true, "Content-Length": true, "Accept": true, "Accept-Encoding": true, "Transfer-Encoding": true, "Connection": true}

func newAuth(user *url.Userinfo, s Settings) (auth, error) {
	a := auth{user: user, tokenFile: s.BearerTokenFile, basicUser: s.BasicUser, passwordFile: s.BasicPasswordFile, authorizer: s.Authorizer, headers: map[string]string{}}
	ways := []string{}
	given := func(yes bool, way string) {
		if yes {
			ways = append(ways, way)
		}
	}
	given(user != nil, "userinfo in the store's address")
	given(s.BearerTokenFile != "", "a bearer token file")
	given(s.BasicUser != "" || s.BasicPasswordFile != "", "a user with a password file")
	given(s.Authorizer != nil, "the credentials of a cloud")
	for name, value := range s.Headers {
		canonical := http.CanonicalHeaderKey(name)
		if !headerName.MatchString(name) || !headerValue.MatchString(value) {
			return auth{}, fmt.Errorf("header %q is not a valid HTTP header: a name of letters, digits and -, and a value without line breaks", name)
		}
		if ownHeaders[canonical] {
			return auth{}, fmt.Errorf("header %s is set by the client and cannot be given", canonical)
		}
		given(canonical == "Authorization", "an Authorization header")
		a.headers[canonical] = value
	}
	if len(ways) > 1 {
		return auth{}, fmt.Errorf("give only one of %s", strings.Join(ways, " and "))
	}
	if (s.BasicUser == "") != (s.BasicPasswordFile == "") {
		return auth{}, errors.New("a user needs a password file, and a password file a user")
	}
	if s.BasicUser != "" && !basicUser.MatchString(s.BasicUser) {
		return auth{}, errors.New("a user must be without colons and control characters")
	}
	return a, nil
}

// RFC 7617, 2.
var basicUser = regexp.MustCompile(`^[^:\x00-\x1f\x7f]+$`)

// apply sets the credentials and returns what must not be printed.
func (a auth) apply(r *http.Request, body []byte) (redactor, error) {
	var secrets redactor
	for name, value := range a.headers {
		r.Header.Set(name, value)
		secrets = append(secrets, value)
		if _, credentials, ok := strings.Cut(value, " "); ok && name == "Authorization" {
			secrets = append(secrets, credentials)
		}
	}
	var err error
	switch {
	case a.user != nil:
		password, _ := a.user.Password()
		secrets = secrets.basic(r, a.user.Username(), password)
	case a.basicUser != "":
		var password string
		if password, err = readSecret("password", a.passwordFile); err == nil {
			secrets = secrets.basic(r, a.basicUser, password)
		}
	case a.tokenFile != "":
		var token string
		if token, err = readSecret("bearer token", a.tokenFile); err == nil {
			r.Header.Set("Authorization", "Bearer "+token)
			secrets = append(secrets, token)
		}
	case a.authorizer != nil:
		secrets, err = a.authorize(r, body, secrets)
	}
	if err != nil {
		return nil, err
	}
	// The longest first, so that no rest of one stays when another is its part.
	sort.Slice(secrets, func(i, j int) bool { return len(secrets[i]) > len(secrets[j]) })
	return secrets, nil
}

// authorize takes whatever the authorizer puts into a header for a secret.
func (a auth) authorize(r *http.Request, body []byte, secrets redactor) (redactor, error) {
	before := r.Header.Clone()
	if err := a.authorizer.Authorize(r, body); err != nil {
		return nil, err
	}
	for name, values := range r.Header {
		for _, value := range values {
			if !slices.Contains(before[name], value) {
				_, credentials, _ := strings.Cut(value, " ")
				secrets = append(secrets, value, credentials)
			}
		}
	}
	if _, has := r.Header["Authorization"]; !has {
		return nil, errors.New("the credentials of the cloud set no Authorization header")
	}
	return secrets, nil
}

// readSecret reads a file that holds one line, and reads it for every request: it may be rotated.
func readSecret(what, path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%s file: %w", what, err)
	}
	defer func() { _ = file.Close() }()
	raw, err := io.ReadAll(io.LimitReader(file, maxTokenBytes+1))
	if err != nil {
		return "", fmt.Errorf("%s file: %w", what, err)
	}
	secret := strings.TrimSpace(string(raw))
	if secret == "" || len(raw) > maxTokenBytes || !headerValue.MatchString(secret) {
		return "", fmt.Errorf("%s file %s must hold one line of 1 to %d bytes", what, path, maxTokenBytes)
	}
	return secret, nil
}

// redactor takes credentials out of texts that come from the store: a store may echo the request in its error page.
type redactor []string

func (r redactor) basic(to *http.Request, user, password string) redactor {
	to.SetBasicAuth(user, password)
	return append(r, user, password, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
}

func (r redactor) text(s string) string {
	for _, secret := range r {
		if len(secret) >= 3 { // A tenant named "1" is no secret, and replacing it would destroy every number.
			s = strings.ReplaceAll(s, secret, redacted)
		}
	}
	return s
}

// after are the settings to decode the answer to a request with. Labels tell targets apart, and must not be touched for a word that is no
// secret: the name of a user or of a tenant may well be that of a function or of a namespace.
func (s Settings) after(clean redactor, a auth) Settings {
	s.clean = clean
	s.sealed = slices.DeleteFunc(slices.Clone(clean), func(secret string) bool {
		if secret == a.basicUser || a.user != nil && secret == a.user.Username() {
			return true
		}
		for name, value := range a.headers {
			if value == secret && tenantHeaders[name] {
				return true
			}
		}
		return false
	})
	return s
}

// tenantHeaders name who asks and hold no secret: Mimir's and Thanos', as http.CanonicalHeaderKey writes them.
var tenantHeaders = map[string]bool{"X-Scope-Orgid": true, "Thanos-Tenant": true}

// err keeps what errors.Is and As need, and cleans what is printed.
func (r redactor) err(err error) error { return &cleanError{text: r.text(err.Error()), err: err} }

type cleanError struct {
	text string
	err  error
}

func (c *cleanError) Error() string { return c.text }
func (c *cleanError) Unwrap() error { return c.err }
