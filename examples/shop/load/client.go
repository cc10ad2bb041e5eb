// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	requestTimeout = 5 * time.Second
	maxAnswerBytes = 1 << 20
)

// client posts the bodies in turn.
type client struct {
	http   *http.Client
	orders string // URL of POST /orders
	bodies [][]byte
	next   atomic.Uint64

	mu    sync.Mutex
	first error
}

func newClient(base string, connections int, bodies [][]byte) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = connections
	return &client{
		http:   &http.Client{Transport: transport, Timeout: requestTimeout},
		orders: strings.TrimSuffix(base, "/") + "/orders",
		bodies: bodies,
	}
}

// post sends one batch. Anything but 201 is a failure; the first one is kept for the report.
func (c *client) post(ctx context.Context) error {
	err := c.postBody(ctx, c.bodies[c.next.Add(1)%uint64(len(c.bodies))])
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.first == nil {
			c.first = err
		}
	}
	return err
}

func (c *client) postBody(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.orders, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(request)
	if err != nil {
		return err
	}
	_, drained := io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswerBytes))
	closed := answer.Body.Close()
	switch {
	case answer.StatusCode != http.StatusCreated:
		return fmt.Errorf("POST %s must answer 201 Created (got %s)", c.orders, answer.Status)
	case drained != nil:
		return drained
	}
	return closed
}

func (c *client) firstError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.first
}
