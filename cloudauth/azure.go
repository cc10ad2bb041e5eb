// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cloudauth

import (
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

const azureHost = "prometheus.monitor.azure.com"

// azureScope is the audience of queries in the cloud of the workspace's host: the public one if the host does not tell.
func azureScope(host string) string {
	for _, sovereign := range []string{"prometheus.monitor.azure.us", "prometheus.monitor.azure.cn"} {
		if strings.HasSuffix(host, "."+sovereign) {
			return "https://" + sovereign + "/.default"
		}
	}
	return "https://" + azureHost + "/.default"
}

func newAzure(store *url.URL) (authorize, error) { return azureWith(store, azcore.ClientOptions{}) }

// managedIdentity takes the user-assigned identity that AZURE_CLIENT_ID names, else the system's.
func managedIdentity(client azcore.ClientOptions) *azidentity.ManagedIdentityCredentialOptions {
	options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: client}
	if id := os.Getenv("AZURE_CLIENT_ID"); id != "" {
		options.ID = azidentity.ClientID(id)
	}
	return options
}

// azureWith tries what a pod or a CI job has, in this order: variables (AZURE_CLIENT_ID and a secret or a certificate), workload
// identity, managed identity. The login of a person's command-line tool is left out on purpose. AZURE_AUTHORITY_HOST chooses a cloud.
func azureWith(store *url.URL, client azcore.ClientOptions) (authorize, error) {
	var chain []azcore.TokenCredential
	// Both say with an error that their variables are not set.
	if one, err := azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{ClientOptions: client}); err == nil {
		chain = append(chain, one)
	}
	if one, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{ClientOptions: client}); err == nil {
		chain = append(chain, one)
	}
	managed, err := azidentity.NewManagedIdentityCredential(managedIdentity(client))
	if err != nil {
		return nil, err
	}
	credential, err := azidentity.NewChainedTokenCredential(append(chain, managed), nil)
	if err != nil {
		return nil, err
	}
	scopes := []string{azureScope(strings.ToLower(store.Hostname()))}
	return func(r *http.Request, _ []byte) error {
		token, err := credential.GetToken(r.Context(), policy.TokenRequestOptions{Scopes: scopes})
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token.Token)
		return nil
	}, nil
}
