// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/internal/promapi"
)

func storeSettings(t *testing.T, address string, args ...string) (promapi.Settings, error) {
	t.Helper()
	var f storeFlags
	cmd := &cobra.Command{}
	f.register(cmd)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return f.settings(address, promapi.Settings{BearerTokenFile: "kept"})
}

type noAuthorizer struct{}

func (noAuthorizer) Authorize(*http.Request, []byte) error { return nil }

func TestStoreFlagsBecomeSettings(t *testing.T) {
	s, err := storeSettings(t, "https://store", "--basic-user=u", "--basic-password-file=p", "--ca-file=a", "--cert-file=c", "--key-file=k", "--tls-server-name=n")
	want := promapi.Settings{BearerTokenFile: "kept", BasicUser: "u", BasicPasswordFile: "p", TLS: promapi.TLS{CAFile: "a", CertFile: "c", KeyFile: "k", ServerName: "n"}}
	if err != nil || s.BearerTokenFile != want.BearerTokenFile || s.BasicUser != want.BasicUser || s.BasicPasswordFile != want.BasicPasswordFile || s.TLS != want.TLS || s.Authorizer != nil {
		t.Errorf("settings %+v, %v", s, err)
	}
	if _, err := storeSettings(t, "https://store", "--store-auth=kerberos"); err == nil || !strings.Contains(err.Error(), "one of none, sigv4, google, azure") {
		t.Errorf("an unknown cloud: %v", err)
	}
}

func TestCloudsAreNotInTheSmallBinary(t *testing.T) {
	before := cloudAuth
	t.Cleanup(func() { cloudAuth = before })
	cloudAuth = nil
	for _, cloud := range storeAuths[1:] {
		if _, err := storeSettings(t, "https://store", "--store-auth="+cloud); err == nil || !strings.Contains(err.Error(), "this build has no cloud credentials; use heapgate-cloud") {
			t.Errorf("%s: %v", cloud, err)
		}
	}
	cloudAuth = func(kind, address string) (promapi.Authorizer, error) {
		if kind != "google" || address != "https://store" {
			t.Errorf("asked for %s at %s", kind, address)
		}
		return noAuthorizer{}, nil
	}
	s, err := storeSettings(t, "https://store", "--store-auth=google")
	if err != nil || s.Authorizer == nil {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestSmallBinaryLinksNoCloud: OPA brings a signer of its own below internal/, which is not one of the clouds' libraries.
func TestSmallBinaryLinksNoCloud(t *testing.T) {
	clouds := regexp.MustCompile(`(?m)^(github\.com/aws|github\.com/Azure|github\.com/AzureAD|cloud\.google\.com|golang\.org/x/oauth2/google|github\.com/prometheus/sigv4|github\.com/heapgate/heapgate/cloudauth)(/|$)`)
	for tags, linked := range map[string]bool{"": false, "cloud": true} {
		text, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags="+tags, ".").Output()
		if err != nil {
			t.Fatal(err)
		}
		if found := clouds.FindAllString(string(text), -1); (len(found) > 0) != linked {
			t.Errorf("with the tags %q it links %q", tags, found)
		}
	}
}
