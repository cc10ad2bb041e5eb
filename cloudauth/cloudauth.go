// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package cloudauth signs in at the Prometheus-compatible stores of three clouds. It is a package of its own because the clouds'
// libraries are larger than the gate: only a binary built with the tag `cloud` links it.
//
//	sigv4   Amazon Managed Service for Prometheus: a signature over each request (AWS Signature Version 4, service aps)
//	google  Google Cloud Managed Service for Prometheus: a token of the scope monitoring.read
//	azure   Azure Monitor workspace: a token for https://prometheus.monitor.azure.com/.default
//
// Credentials come from where the cloud's own tools look for them: environment, files, the identity of the pod or of the machine.
// They are fetched at the first request, not before, and go to one origin over https only.
package cloudauth

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/heapgate/heapgate/internal/promapi"
)

// kinds make the credentials of one cloud for the store at an address.
var kinds = map[string]func(store *url.URL) (authorize, error){"sigv4": newSigV4, "google": newGoogle, "azure": newAzure}

type authorize func(r *http.Request, body []byte) error

// Names are the kinds of credentials there are, sorted.
func Names() []string { return slices.Sorted(maps.Keys(kinds)) }

// New makes credentials of one kind that sign requests to the origin of address and to no other.
func New(kind, address string) (promapi.Authorizer, error) {
	build, ok := kinds[kind]
	if !ok {
		return nil, fmt.Errorf("credentials must be one of %s (got %q)", strings.Join(Names(), ", "), kind)
	}
	store, err := url.Parse(address)
	if err != nil || store.Hostname() == "" {
		return nil, errors.New("the store's address is not a URL; give one like https://monitoring.googleapis.com/v1/projects/P/location/global/prometheus")
	}
	if store.Scheme != "https" {
		return nil, fmt.Errorf("the credentials of a cloud go over https only (got %s://)", store.Scheme)
	}
	inner, err := build(store)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	return &bound{origin: promapi.Origin(store), kind: kind, inner: inner}, nil
}

// bound is credentials that belong to one origin.
type bound struct {
	origin, kind string
	inner        authorize
}

// Authorize implements promapi.Authorizer.
func (b *bound) Authorize(r *http.Request, body []byte) error {
	if got := promapi.Origin(r.URL); got != b.origin {
		return fmt.Errorf("%s: the credentials belong to %s and do not go to %s", b.kind, b.origin, got)
	}
	if err := b.inner(r, body); err != nil {
		return fmt.Errorf("%s: %w", b.kind, err)
	}
	return nil
}
