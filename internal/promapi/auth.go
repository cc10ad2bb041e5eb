// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
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

// auth holds the credentials of one origin.
type auth struct {
	user      *url.Userinfo
	tokenFile string
	headers   map[string]string
}

// RFC 9110, 5.1 and 5.5: a token, and no control characters in its value.
var (
	headerName  = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
	headerValue = regexp.MustCompile(`^[^\x00-\x08\x0a-\x1f\x7f]+$`)
)

// The client sets these itself.
var ownHeaders = map[string]bool{"Host": true, "Content-Type": true, "Content-Length": true, "Accept": true, "Accept-Encoding": true, "Transfer-Encoding": true, "Connection": true}

func newAuth(user *url.Userinfo, tokenFile string, headers map[string]string) (auth, error) {
	a := auth{user: user, tokenFile: tokenFile, headers: map[string]string{}}
	ways := 0
	if user != nil {
		ways++
	}
	if tokenFile != "" {
		ways++
	}
	for name, value := range headers {
		canonical := http.CanonicalHeaderKey(name)
		if !headerName.MatchString(name) || !headerValue.MatchString(value) {
			return auth{}, fmt.Errorf("header %q is not a valid HTTP header: a name of letters, digits and -, and a value without line breaks", name)
		}
		if ownHeaders[canonical] {
			return auth{}, fmt.Errorf("header %s is set by the client and cannot be given", canonical)
		}
		if canonical == "Authorization" {
			ways++
		}
		a.headers[canonical] = value
	}
	if ways > 1 {
		return auth{}, errors.New("give only one of userinfo in the store's address, a bearer token file and an Authorization header")
	}
	return a, nil
}

// apply sets the credentials and returns what must not be printed.
func (a auth) apply(r *http.Request) (redactor, error) {
	var secrets redactor
	for name, value := range a.headers {
		r.Header.Set(name, value)
		secrets = append(secrets, value)
		if _, credentials, ok := strings.Cut(value, " "); ok && name == "Authorization" {
			secrets = append(secrets, credentials)
		}
	}
	if a.user != nil {
		password, _ := a.user.Password()
		r.SetBasicAuth(a.user.Username(), password)
		secrets = append(secrets, a.user.Username(), password, base64.StdEncoding.EncodeToString([]byte(a.user.Username()+":"+password)))
	}
	if a.tokenFile != "" {
		token, err := readToken(a.tokenFile)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+token)
		secrets = append(secrets, token)
	}
	// The longest first, so that no rest of one stays when another is its part.
	sort.Slice(secrets, func(i, j int) bool { return len(secrets[i]) > len(secrets[j]) })
	return secrets, nil
}

func readToken(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("bearer token file: %w", err)
	}
	defer func() { _ = file.Close() }()
	raw, err := io.ReadAll(io.LimitReader(file, maxTokenBytes+1))
	if err != nil {
		return "", fmt.Errorf("bearer token file: %w", err)
	}
	token := strings.TrimSpace(string(raw))
	if token == "" || len(raw) > maxTokenBytes || !headerValue.MatchString(token) {
		return "", fmt.Errorf("bearer token file %s must hold one line of 1 to %d bytes", path, maxTokenBytes)
	}
	return token, nil
}

// redactor takes credentials out of texts that come from the store: a store may echo the request in its error page.
type redactor []string

func (r redactor) text(s string) string {
	for _, secret := range r {
		if len(secret) >= 3 { // A tenant named "1" is no secret, and replacing it would destroy every number.
			s = strings.ReplaceAll(s, secret, redacted)
		}
	}
	return s
}

func (r redactor) texts(all []string) []string {
	for i := range all {
		all[i] = r.text(all[i])
	}
	return all
}

// err keeps what errors.Is and As need, and cleans what is printed.
func (r redactor) err(err error) error { return &cleanError{text: r.text(err.Error()), err: err} }

type cleanError struct {
	text string
	err  error
}

func (c *cleanError) Error() string { return c.text }
func (c *cleanError) Unwrap() error { return c.err }
