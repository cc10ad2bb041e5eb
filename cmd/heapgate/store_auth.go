// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heapgate/heapgate/internal/promapi"
)

// cloudAuth makes a cloud's credentials for one store. It is nil in the small binary: cloud.go sets it in heapgate-cloud.
var cloudAuth func(kind, address string) (promapi.Authorizer, error)

// storeAuths are the words of --store-auth.
var storeAuths = []string{"none", "sigv4", "google", "azure"}

// storeFlags say who is asking the store, and how the connection is secured; --bearer-token-file and --header are older than they are.
type storeFlags struct {
	user, passwordFile string
	tls                promapi.TLS
	auth               string
}

func (f *storeFlags) register(cmd *cobra.Command) {
	set := cmd.Flags()
	set.StringVar(&f.user, "basic-user", "", "`USER` for the store (basic authentication)")
	set.StringVar(&f.passwordFile, "basic-password-file", "", "`FILE` with the user's password, read again for every request")
	set.StringVar(&f.tls.CAFile, "ca-file", "", "PEM `FILE` with the authorities of the store's certificate, instead of the system's")
	set.StringVar(&f.tls.CertFile, "cert-file", "", "PEM `FILE` with our certificate for the store, read again for every request")
	set.StringVar(&f.tls.KeyFile, "key-file", "", "PEM `FILE` with the certificate's key")
	set.StringVar(&f.tls.ServerName, "tls-server-name", "", "`NAME` that the store's certificate must have, instead of the address's host")
	set.StringVar(&f.auth, "store-auth", "none", "cloud to sign in at: none, sigv4, google or azure; others than none need heapgate-cloud")
	// The only error is a flag that does not exist.
	_ = cmd.RegisterFlagCompletionFunc("store-auth", cobra.FixedCompletions(storeAuths, cobra.ShellCompDirectiveNoFileComp))
}

// settings adds to the settings of a client for the store at an address. What does not fit together is told by promapi.New.
func (f *storeFlags) settings(address string, to promapi.Settings) (promapi.Settings, error) {
	to.BasicUser, to.BasicPasswordFile, to.TLS = f.user, f.passwordFile, f.tls
	switch {
	case !slices.Contains(storeAuths, f.auth):
		return to, fmt.Errorf("--store-auth must be one of %s (got %q)", strings.Join(storeAuths, ", "), f.auth)
	case f.auth == "none" || address == "":
		return to, nil
	case cloudAuth == nil:
		return to, fmt.Errorf("--store-auth %s: this build has no cloud credentials; use heapgate-cloud", f.auth)
	}
	var err error
	if to.Authorizer, err = cloudAuth(f.auth, address); err != nil {
		err = fmt.Errorf("--store-auth: %w", err)
	}
	return to, err
}
