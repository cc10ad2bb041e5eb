// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	readyPoll    = 200 * time.Millisecond
	readyTimeout = time.Minute
)

// waitReady asks url until it answers 200, with a dot for each second.
func waitReady(ctx context.Context, out io.Writer, what, url string) error {
	stop := progress(out, what, time.Second)
	err := pollReady(ctx, url)
	stop(err)
	return err
}

func pollReady(ctx context.Context, url string) error {
	limited, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("%s does not answer 200 within %v", url, readyTimeout))
	defer cancel()
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	for {
		if answers(limited, url) {
			return nil
		}
		select {
		case <-ticker.C:
		case <-limited.Done():
			return context.Cause(limited)
		}
	}
}

func answers(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return false
	}
	_ = answer.Body.Close() // only the status was wanted
	return answer.StatusCode == http.StatusOK
}

// freeAddresses returns n addresses on the loopback that nobody listens on at the moment.
func freeAddresses(n int) ([]string, error) {
	addresses := make([]string, n)
	for i := range addresses {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // all stay open until the last is found, so that no two are the same
		addresses[i] = l.Addr().String()
	}
	return addresses, nil
}
