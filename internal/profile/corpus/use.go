// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// session is the use of one program: its users work side by side until the time is over.
type session struct {
	ctx   context.Context
	dir   string // its working folder
	users sync.WaitGroup

	mu     sync.Mutex
	done   int
	failed map[string]int // by what was wrong
}

// use waits until the program answers, and lets its users work.
func (p *program) use(ctx context.Context, dir string, long time.Duration) error {
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		_, err := get(ctx, p.base+"/symbol")
		if err == nil {
			break
		}
		if time.Now().After(end) {
			return err
		}
	}
	limited, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	s := &session{ctx: limited, dir: dir, failed: map[string]int{}}
	p.load(s)
	s.users.Wait()
	fmt.Printf("%s: %d requests, failed: %v\n", p.name, s.done, s.failed)
	return nil
}

// user does one thing again and again, with a pause after each.
func (s *session) user(pause time.Duration, do func(i int) error) {
	s.users.Go(func() {
		for i := 0; s.ctx.Err() == nil; i++ {
			err := do(i)
			if s.ctx.Err() == nil {
				s.note(err)
			}
			time.Sleep(pause)
		}
	})
}

func (s *session) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done++
	if err != nil && (len(s.failed) < 10 || s.failed[err.Error()] > 0) {
		s.failed[err.Error()]++
	}
}

// reader asks for these pages in turn.
func (s *session) reader(pause time.Duration, base string, paths ...string) {
	s.user(pause, func(i int) error { return s.ask(http.MethodGet, base+paths[i%len(paths)], "", "") })
}

// ask sends one request. A status of 404 or 409 is an answer as any other: what is asked for may be gone, or there already.
func (s *session) ask(method, url, kind, body string) error {
	ctx, cancel := context.WithTimeout(s.ctx, 30*time.Second)
	defer cancel()
	resp, err := send(ctx, method, url, kind, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	some, err := io.ReadAll(io.LimitReader(resp.Body, 300))
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
	}
	if resp.StatusCode >= 400 && resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusConflict {
		return fmt.Errorf("%s %s: %s %s", method, url, resp.Status, some)
	}
	return err
}

// follow reads an answer that does not end.
func (s *session) follow(method, url, kind, body string) {
	s.user(time.Second, func(int) error {
		resp, err := send(s.ctx, method, url, kind, body)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	})
}

// client trusts the certificate that a program made for itself a moment ago, on this machine.
var client = http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 20}}

func send(ctx context.Context, method, url, kind, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set("Authorization", "Bearer corpus") // kube-apiserver lets nobody else look
	return client.Do(req)
}

// get takes a page of pprof.
func get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("Authorization", "Bearer corpus")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: got status %d, want 200", url, resp.StatusCode)
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxBody))
}
