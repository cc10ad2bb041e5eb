// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cloudauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// googleScope lets read metrics and write nothing.
const googleScope = "https://www.googleapis.com/auth/monitoring.read"

const tokenTimeout = 15 * time.Second

// newGoogle takes Application Default Credentials: GOOGLE_APPLICATION_CREDENTIALS, gcloud's file, the metadata server.
func newGoogle(*url.URL) (authorize, error) {
	g := &googleTokens{}
	return func(r *http.Request, _ []byte) error {
		token, err := g.token()
		if err != nil {
			return err
		}
		token.SetAuthHeader(r)
		return nil
	}, nil
}

// googleTokens looks for credentials at the first request: without a file that asks the network whether this is Google's machine.
type googleTokens struct {
	mu     sync.Mutex
	source oauth2.TokenSource
}

func (g *googleTokens) token() (*oauth2.Token, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.source == nil {
		// The source keeps this context for later tokens, so it is no request's.
		ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Timeout: tokenTimeout, CheckRedirect: noRedirect})
		found, err := google.FindDefaultCredentials(ctx, googleScope)
		if err != nil {
			return nil, err
		}
		g.source = found.TokenSource // caches until shortly before the token's end
	}
	return g.source.Token()
}

func noRedirect(*http.Request, []*http.Request) error {
	return errors.New("the token endpoint redirects, which is not followed because credentials would go along")
}
