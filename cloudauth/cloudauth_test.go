// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cloudauth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"))
}

const vectorOf1 = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}`

// noClouds takes away what this machine may know about clouds.
func noClouds(t *testing.T) {
	t.Helper()
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		for _, prefix := range []string{"AWS_", "GOOGLE_", "AZURE_", "IDENTITY_", "MSI_", "CLOUDSDK_", "GCE_"} {
			if strings.HasPrefix(name, prefix) {
				t.Setenv(name, "")
			}
		}
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(home, "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, "none"))
}

// newStore is a store by https, and the file of its authority.
func newStore(t *testing.T, handler http.HandlerFunc) (address, ca string) {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return server.URL, ca
}

// bearerStore answers whoever shows the token, and repeats every other.
func bearerStore(t *testing.T, token string) (address, ca string) {
	return newStore(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+token {
			w.WriteHeader(401)
			_, _ = io.WriteString(w, "not for "+got)
			return
		}
		_, _ = io.WriteString(w, vectorOf1)
	})
}

func TestGoogleAsksForTheRightToReadOnly(t *testing.T) {
	noClouds(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := x509.MarshalPKCS8PrivateKey(key)
	asked := 0
	token := "canary-token"
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		parts := strings.Split(r.FormValue("assertion"), ".")
		claims, err := base64.RawURLEncoding.DecodeString(parts[1])
		var claim struct{ Scope, Iss string }
		if err != nil || json.Unmarshal(claims, &claim) != nil || claim.Scope != "https://www.googleapis.com/auth/monitoring.read" || claim.Iss != "gate@example.iam" {
			t.Errorf("the token endpoint was asked with %s", claims)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, token)
	}))
	defer endpoint.Close()
	file := filepath.Join(t.TempDir(), "key.json")
	text, _ := json.Marshal(map[string]string{"type": "service_account", "client_email": "gate@example.iam", "private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})), "token_uri": endpoint.URL})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
	store, ca := bearerStore(t, "canary-token")
	c := ask(t, "google", store+"/v1/projects/p/location/global/prometheus", ca)
	for range 3 {
		if _, err := c.Query(t.Context(), "up", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 1 {
		t.Errorf("the token endpoint was asked %d times, want 1", asked)
	}
	token = "canary-other"
	_, err = ask(t, "google", store, ca).Query(t.Context(), "up", time.Now())
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("a wrong token: %v", err)
	}
	if err := os.WriteFile(file, []byte(`{"type":"service_account"`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = ask(t, "google", store, ca).Query(t.Context(), "up", time.Now()); err == nil || !strings.Contains(err.Error(), "google:") {
		t.Errorf("a broken file: %v", err)
	}
}

// entra is Azure's token endpoint as a transport.
type entra struct {
	t     *testing.T
	asked *int
	token string
}

func (e entra) Do(r *http.Request) (*http.Response, error) {
	text := `{"token_endpoint":"https://login.example/tenant/oauth2/v2.0/token","authorization_endpoint":"https://login.example/tenant/oauth2/v2.0/authorize","issuer":"https://login.example/tenant/v2.0"}`
	if strings.HasSuffix(r.URL.Path, "/token") {
		*e.asked++
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		if !strings.Contains(" "+form.Get("scope")+" ", " https://prometheus.monitor.azure.com/.default ") || form.Get("client_secret") != "canary-secret" {
			e.t.Errorf("the token endpoint was asked with %s", body)
		}
		text = fmt.Sprintf(`{"access_token":%q,"token_type":"Bearer","expires_in":3600}`, e.token)
	} else if strings.Contains(r.URL.Path, "discovery/instance") {
		text = `{"tenant_discovery_endpoint":"https://login.example/tenant/v2.0/.well-known/openid-configuration","metadata":[{"preferred_network":"login.example","preferred_cache":"login.example","aliases":["login.example"]}]}`
	}
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

func TestAzureAsksForTheAudienceOfQueries(t *testing.T) {
	noClouds(t)
	t.Setenv("AZURE_TENANT_ID", "tenant")
	t.Setenv("AZURE_CLIENT_ID", "client")
	t.Setenv("AZURE_CLIENT_SECRET", "canary-secret")
	t.Setenv("AZURE_AUTHORITY_HOST", "https://login.example")
	asked := 0
	store, ca := bearerStore(t, "canary-token")
	address, _ := url.Parse(store)
	inner, err := azureWith(address, azcore.ClientOptions{Transport: entra{t, &asked, "canary-token"}})
	if err != nil {
		t.Fatal(err)
	}
	c := withAuthorizer(t, &bound{origin: originOf(t, store), kind: "azure", inner: inner}, store, ca)
	for range 3 {
		if _, err := c.Query(t.Context(), "up", time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 1 {
		t.Errorf("the token endpoint was asked %d times, want 1", asked)
	}
}

// TestAzureManagedIdentity goes through the real constructor and the form of App Service's endpoint.
func TestAzureManagedIdentity(t *testing.T) {
	noClouds(t)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("resource") != "https://prometheus.monitor.azure.com" || r.Header.Get("X-Identity-Header") != "canary-header" {
			t.Errorf("the identity endpoint was asked with %s", r.URL)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"access_token":"canary-token","token_type":"Bearer","expires_on":"%d","resource":"x"}`, time.Now().Add(time.Hour).Unix())
	}))
	defer endpoint.Close()
	t.Setenv("IDENTITY_ENDPOINT", endpoint.URL)
	t.Setenv("IDENTITY_HEADER", "canary-header")
	store, ca := bearerStore(t, "canary-token")
	if _, err := ask(t, "azure", store, ca).Query(t.Context(), "up", time.Now()); err != nil {
		t.Fatal(err)
	}
}

func TestAzureScopeFollowsTheCloud(t *testing.T) {
	for host, want := range map[string]string{
		"w-1.eastus.prometheus.monitor.azure.com": "https://prometheus.monitor.azure.com/.default",
		"w-1.gov.prometheus.monitor.azure.us":     "https://prometheus.monitor.azure.us/.default",
		"w-1.cn.prometheus.monitor.azure.cn":      "https://prometheus.monitor.azure.cn/.default",
		"store.example":                           "https://prometheus.monitor.azure.com/.default",
		"prometheus.monitor.azure.us.example":     "https://prometheus.monitor.azure.com/.default",
	} {
		if got := azureScope(host); got != want {
			t.Errorf("%s: scope %s, want %s", host, got, want)
		}
	}
}

func originOf(t *testing.T, address string) string {
	t.Helper()
	a, err := New("google", address)
	if err != nil {
		t.Fatal(err)
	}
	return a.(*bound).origin
}

func TestCredentialsBelongToOneOrigin(t *testing.T) {
	noClouds(t)
	t.Setenv("AWS_REGION", "eu-west-1")
	for _, kind := range Names() {
		authorizer, err := New(kind, "https://Store.example/x")
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range []string{"http://store.example/x", "https://store.example:8443/x", "https://other.example/x", "https://store.example.evil/x", "http://store.example:443/x"} {
			u, _ := url.Parse(other)
			r := &http.Request{Method: http.MethodPost, URL: u, Header: http.Header{}}
			if err := authorizer.Authorize(r.WithContext(t.Context()), nil); err == nil || !strings.Contains(err.Error(), "belong to https://store.example:443") || len(r.Header) != 0 {
				t.Errorf("%s to %s: %v, headers %v", kind, other, err, r.Header)
			}
		}
		if _, err := New(kind, "http://store.example"); err == nil || !strings.Contains(err.Error(), "over https only (got http://)") {
			t.Errorf("%s by http: %v", kind, err)
		}
	}
	if _, err := New("kerberos", "https://store.example"); err == nil || !strings.Contains(err.Error(), "one of azure, google, sigv4") {
		t.Errorf("an unknown kind: %v", err)
	}
}
