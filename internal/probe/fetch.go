// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heapgate/heapgate/internal/heap"
)

// What nobody wants any more of a body is read, so that its connection can be used again, but not much and not for long.
const (
	drainBytes = 4 << 10
	drainTime  = 100 * time.Millisecond
)

// fetch asks for one page and gives its body to read. Whatever comes of it, the body is closed.
func (p *Prober) fetch(ctx context.Context, u *url.URL, page Page, read func(body io.Reader) error) (Cost, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	var connected atomic.Int64 // nanoseconds after began
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(int64(time.Since(began))) },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return Cost{}, fail(u, 0, err)
	}
	req.Header.Set("Accept-Encoding", "identity") // compressing costs the process more than it saves
	req.Close = !p.settings.KeepAlive
	cost := func(bytes int64) Cost {
		wall := time.Since(began) - time.Duration(connected.Load())
		return Cost{CPU: page.price.estimate(page.asked, wall, bytes), Wall: wall, Bytes: bytes}
	}
	resp, err := p.client.Do(req)
	if err != nil && connected.Load() == 0 {
		return Cost{}, fail(u, 0, err)
	}
	if err != nil {
		return cost(0), fail(u, 0, err)
	}
	limit := page.limit(&p.settings)
	wire := &capped{r: resp.Body, limit: limit, left: limit}
	failure := answered(u, resp, wire, read, cancel)
	spent := cost(limit - max(wire.left, 0))
	p.leave(resp, cancel)
	if failure != nil {
		return spent, failure
	}
	return spent, nil
}

// answered reads what came.
func answered(u *url.URL, resp *http.Response, wire *capped, read func(body io.Reader) error, cancel func()) *Error {
	if resp.StatusCode != http.StatusOK {
		timer := time.AfterFunc(drainTime, cancel)
		defer timer.Stop()
		return refusal(u, resp)
	}
	body, done, err := decoded(resp, wire)
	if err == nil {
		err = read(body)
		done()
	}
	if err == nil {
		return nil
	}
	failure := fail(u, resp.StatusCode, err)
	if failure.Kind == KindNotPprof {
		failure.Err = fmt.Errorf("content type %.60q: %w", resp.Header.Get("Content-Type"), failure.Err)
	}
	return failure
}

// leave closes the body. A connection that is to be used again needs the body's end.
func (p *Prober) leave(resp *http.Response, cancel func()) {
	if p.settings.KeepAlive {
		timer := time.AfterFunc(drainTime, cancel)
		_, _ = io.CopyN(io.Discard, resp.Body, drainBytes)
		timer.Stop()
	}
	_ = resp.Body.Close()
}

var unzippers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// decoded is the body within its limit, also where a proxy compressed it unasked. done must be called when it is read.
func decoded(resp *http.Response, wire *capped) (body io.Reader, done func(), err error) {
	switch encoding := strings.ToLower(resp.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
		return wire, func() {}, nil
	case "gzip", "x-gzip":
		plain := unzippers.Get().(*gzip.Reader)
		done = func() {
			_ = plain.Reset(strings.NewReader("")) // lets go of the body
			unzippers.Put(plain)
		}
		if err := plain.Reset(wire); err != nil {
			done()
			return nil, nil, fmt.Errorf("content encoding gzip: %w", err)
		}
		return &capped{r: plain, limit: wire.limit, left: wire.limit}, done, nil
	default:
		return nil, nil, fmt.Errorf("got content encoding %.60q, want none or gzip", encoding)
	}
}

// capped refuses to give more than limit bytes, where io.LimitReader would end as if that were all.
type capped struct {
	r           io.Reader
	limit, left int64
}

func (c *capped) Read(b []byte) (int, error) {
	if c.left < 0 {
		return 0, &heap.LimitError{What: "bytes", Limit: c.limit}
	}
	b = b[:min(int64(len(b)), c.left+1)] // one more, to see whether there is more
	n, err := c.r.Read(b)
	c.left -= int64(n)
	if c.left < 0 {
		return n - 1, &heap.LimitError{What: "bytes", Limit: c.limit}
	}
	return n, err
}
