// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cloudauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
)

// awsHost has the region of a workspace's address, https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-APIReference-Prometheus-Compatible-Apis.html.
var awsHost = regexp.MustCompile(`^aps-workspaces(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)$`)

const awsService = "aps"

// newSigV4 signs with the default chain of credentials: environment, shared files, web identity of the pod, container, machine.
// The region is the one in the address; AWS_REGION counts for an address behind a proxy or a private name.
func newSigV4(store *url.URL) (authorize, error) {
	loaded, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		return nil, err
	}
	region := loaded.Region
	if found := awsHost.FindStringSubmatch(store.Hostname()); found != nil {
		region = found[1]
	}
	if region == "" {
		return nil, errors.New("no region: use an address like https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-ID, or set AWS_REGION")
	}
	if loaded.Credentials == nil {
		return nil, errors.New("no credentials are configured")
	}
	sign := signer.NewSigner()
	return func(r *http.Request, body []byte) error {
		credentials, err := loaded.Credentials.Retrieve(r.Context())
		if err != nil {
			return fmt.Errorf("credentials: %w", err)
		}
		sum := sha256.Sum256(body)
		return sign.SignHTTP(r.Context(), credentials, r, hex.EncodeToString(sum[:]), awsService, region, time.Now().UTC())
	}, nil
}
