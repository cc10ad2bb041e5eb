// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cloudauth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/promapi"
)

// verifySigV4 checks a request as the service does, from the published steps and without the library that signed it:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
func verifySigV4(r *http.Request, body []byte, keyID, secret, region, service string, now time.Time) error {
	algorithm, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	parts := map[string]string{}
	for _, part := range strings.Split(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[name] = value
	}
	date := r.Header.Get("X-Amz-Date")
	at, err := time.Parse("20060102T150405Z", date)
	if err != nil || algorithm != "AWS4-HMAC-SHA256" || now.Sub(at).Abs() > 5*time.Minute {
		return fmt.Errorf("algorithm %q at %q", algorithm, date)
	}
	scope := date[:8] + "/" + region + "/" + service + "/aws4_request"
	if parts["Credential"] != keyID+"/"+scope {
		return fmt.Errorf("credential %q, want the scope %q", parts["Credential"], scope)
	}
	signed := strings.Split(parts["SignedHeaders"], ";")
	if !sort.StringsAreSorted(signed) || !strings.Contains(";"+parts["SignedHeaders"]+";", ";host;") {
		return fmt.Errorf("signed headers %q", signed)
	}
	var headers strings.Builder
	for _, name := range signed {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(len(body))
		}
		headers.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	hash := func(b []byte) string { sum := sha256.Sum256(b); return hex.EncodeToString(sum[:]) }
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	canonical := strings.Join([]string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, headers.String(), parts["SignedHeaders"], hash(body)}, "\n")
	key := mac(mac(mac(mac([]byte("AWS4"+secret), date[:8]), region), service), "aws4_request")
	want := hex.EncodeToString(mac(key, strings.Join([]string{algorithm, date, scope, hash([]byte(canonical))}, "\n")))
	if parts["Signature"] != want {
		return fmt.Errorf("signature %s, want %s over\n%s", parts["Signature"], want, canonical)
	}
	return nil
}

func TestSigV4IsVerifiedIndependently(t *testing.T) {
	noClouds(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
	t.Setenv("AWS_SESSION_TOKEN", "canary-session")
	t.Setenv("AWS_REGION", "eu-north-1")
	checked := 0
	var tamper func(*http.Request, []byte) []byte
	store, ca := newStore(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if tamper != nil {
			body = tamper(r, body)
		}
		err := verifySigV4(r, body, "AKIDEXAMPLE", "canary-secret", "eu-north-1", "aps", time.Now())
		if err != nil || r.Header.Get("X-Amz-Security-Token") != "canary-session" {
			w.WriteHeader(403)
			_, _ = fmt.Fprintf(w, `{"message":"rejected: %s %s"}`, r.Header.Get("Authorization"), r.Header.Get("X-Amz-Security-Token"))
			t.Log(err)
			return
		}
		checked++
		_, _ = io.WriteString(w, vectorOf1)
	})
	c := ask(t, "sigv4", store+"/workspaces/ws-1", ca)
	for _, expr := range []string{"up", `up{a="b c+/ü"}`, ""} {
		if _, err := c.Query(t.Context(), expr, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if checked != 3 {
		t.Errorf("%d requests were verified", checked)
	}
	for name, change := range map[string]func(*http.Request, []byte) []byte{
		"body":   func(_ *http.Request, b []byte) []byte { return append(b, 'x') },
		"path":   func(r *http.Request, b []byte) []byte { r.URL.Path += "x"; return b },
		"tenant": func(r *http.Request, b []byte) []byte { r.Header.Set("X-Scope-OrgID", "other"); return b },
		"date":   func(r *http.Request, b []byte) []byte { r.Header.Set("X-Amz-Date", "20200101T000000Z"); return b },
	} {
		tamper = change
		_, err := c.Query(t.Context(), "up", time.Now())
		if err == nil || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "Signature=") {
			t.Errorf("a changed %s: %v", name, err)
		}
	}
}

func TestSigV4TakesTheRegionOfTheAddress(t *testing.T) {
	noClouds(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	for address, want := range map[string]string{
		"https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1":      "eu-west-1",
		"https://aps-workspaces.cn-north-1.amazonaws.com.cn/workspaces/ws-1":  "cn-north-1",
		"https://aps-workspaces-fips.us-gov-west-1.amazonaws.com/workspaces/": "us-gov-west-1",
		"https://aps-workspaces.eu-west-1.api.aws/workspaces/ws-1":            "eu-west-1",
		"https://aps-workspaces.eu-west-1.amazonaws.com.evil.example/":        "",
		"https://store.example": "",
	} {
		authorizer, err := New("sigv4", address)
		if want == "" {
			if err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
				t.Errorf("%s without a region: %v", address, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(address)
		r := &http.Request{Method: http.MethodPost, URL: u, Header: http.Header{}, Host: u.Host}
		if err := authorizer.Authorize(r.WithContext(t.Context()), nil); err != nil || !strings.Contains(r.Header.Get("Authorization"), "/"+want+"/aps/aws4_request") {
			t.Errorf("%s: %v, signed %q", address, err, r.Header.Get("Authorization"))
		}
	}
}

// ask is a client of the store with the credentials of a cloud.
func ask(t *testing.T, kind, address, ca string) *promapi.Client {
	t.Helper()
	authorizer, err := New(kind, address)
	if err != nil {
		t.Fatal(err)
	}
	return withAuthorizer(t, authorizer, address, ca)
}

func withAuthorizer(t *testing.T, authorizer promapi.Authorizer, address, ca string) *promapi.Client {
	t.Helper()
	c, err := promapi.New(address, promapi.Settings{Authorizer: authorizer, TLS: promapi.TLS{CAFile: ca}, Headers: map[string]string{"X-Scope-OrgID": "team-a"}, MaxRetries: -1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
