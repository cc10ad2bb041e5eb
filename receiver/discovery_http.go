// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/http"
)

// maxList is how many bytes one answer of http_sd_configs may have: 10,000 pods with 100 labels each are half of it.
const maxList = 64 << 20

// listClient bounds the answers of http_sd_configs, which Prometheus reads to their end: one connection is one answer.
var listClient = []config.HTTPClientOption{
	config.WithKeepAlivesDisabled(), config.WithHTTP2Disabled(), config.WithDialContextFunc(dialBounded),
}

func dialBounded(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &boundedConn{Conn: conn, left: maxList}, nil
}

// boundedConn ends when too much has come.
type boundedConn struct {
	net.Conn
	left int
}

// Read fails when more than maxList bytes come.
func (c *boundedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.left -= n; c.left < 0 {
		return 0, fmt.Errorf("a list of targets must be at most %d bytes (got more)", maxList)
	}
	return n, err
}

// bounded asks for lists that are not compressed, so that what comes is what is kept.
func bounded(c discovery.Config) discovery.Config {
	sd, ok := c.(*http.SDConfig)
	if !ok {
		return c
	}
	copied := *sd
	headers := config.Headers{Headers: map[string]config.Header{"Accept-Encoding": {Values: []string{"identity"}}}}
	if sd.HTTPClientConfig.HTTPHeaders != nil {
		for name, header := range sd.HTTPClientConfig.HTTPHeaders.Headers {
			headers.Headers[name] = header
		}
	}
	copied.HTTPClientConfig.HTTPHeaders = &headers
	if minimum := 10 * time.Millisecond; time.Duration(copied.RefreshInterval) < minimum {
		copied.RefreshInterval = http.DefaultSDConfig.RefreshInterval // refresh_interval: 0s would ask without a pause
	}
	return &copied
}
