// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a network on which headers and body take their time.
type slow struct {
	header, body time.Duration
	bytes        int
}

func (s slow) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := sleep(req.Context(), s.header); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Request: req, Body: &slowBody{bytes.NewReader(make([]byte, s.bytes)), req.Context(), s.body}}, nil
}

type slowBody struct {
	io.Reader
	ctx  context.Context
	wait time.Duration
}

func (b *slowBody) Read(p []byte) (int, error) {
	wait := b.wait
	b.wait = 0
	if err := sleep(b.ctx, wait); err != nil {
		return 0, err
	}
	return b.Reader.Read(p)
}

func (b *slowBody) Close() error { return nil }

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// TestCost: the numbers of performance.md, by the formula.
func TestCost(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct {
		name      string
		page      Page
		network   slow
		cpu, wall time.Duration
	}{
		{"vars", VarsPage(), slow{bytes: 5600}, leastCPU, 0},
		{"etcd's text, from afar", HeapText(), slow{header: 6 * ms, body: 4 * ms, bytes: 431_000}, 10 * ms, 10 * ms},
		{"a text that came at once", HeapText(), slow{bytes: 39_000_000}, 390 * ms, 0},
		{"a profile that came at once", HeapProfile(), slow{bytes: 488_000}, 36600 * time.Microsecond, 0},
		{"CPU: the writer's nap is no work", CPU(5 * time.Second), slow{body: 5090 * ms, bytes: 1000}, 50*ms + leastCPU, 5090 * ms},
		{"CPU: a long end is", CPU(5 * time.Second), slow{header: 5 * time.Second, body: 300 * ms, bytes: 1000}, 250 * ms, 5300 * ms},
		{"trace", Trace(time.Second), slow{header: 300 * ms, body: 981 * ms, bytes: 900_000}, 301 * ms, 1281 * ms},
		{"trace that broke off", Trace(10 * time.Second), slow{body: time.Second}, 20*ms + leastCPU, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := New(&http.Client{Transport: test.network}, Settings{Timeout: time.Second})
				cost, err := p.Get(t.Context(), &url.URL{Scheme: "http", Host: "x"}, test.page, func(body io.Reader) error {
					_, err := io.Copy(io.Discard, body)
					return err
				})
				if want := (Cost{test.cpu, test.wall, int64(test.network.bytes)}); err != nil || cost != want {
					t.Errorf("got %+v, %v; want %+v", cost, err, want)
				}
			})
		})
	}
}

// TestDeadline: a page has Settings.Timeout beside what it gathers for, whatever the client's own timeout is.
func TestDeadline(t *testing.T) {
	for _, test := range []struct {
		page Page
		want time.Duration
	}{{HeapProfile(), 10 * time.Second}, {CPU(30 * time.Second), 40 * time.Second}, {Trace(500 * time.Millisecond), 10500 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			client := &http.Client{Transport: slow{header: 9 * time.Second, body: time.Hour}, Timeout: time.Second}
			began := time.Now()
			_, err := New(client, Settings{}).Get(t.Context(), &url.URL{Scheme: "http", Host: "x"}, test.page, func(body io.Reader) error {
				_, err := io.Copy(io.Discard, body)
				return err
			})
			wantError(t, err, KindTimeout)
			if took := time.Since(began); took != test.want || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v after %v, want %v", test.page, err, took, test.want)
			}
		})
	}
}
