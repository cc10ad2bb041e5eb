// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/heapgate/heapgate/internal/heap"
)

// What nobody wants any more of a body is read, so that its connection can be used again, but not much and not for long.
const (
	drainBytes = 4 << 10
	drainTime  = 100 * time.Millisecond
)

// fetch asks for one page and gives its body to read. Whatever comes of it, the body is closed. limit bounds the bytes
// on the wire; read bounds what it takes itself.
func (p *Prober) fetch(ctx context.Context, u *url.URL, limit int64, read func(body io.Reader) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fail(u, 0, err)
	}
	req.Header.Set("Accept-Encoding", "identity") // compressing costs the process more than it saves
	resp, err := p.client.Do(req)
	if err != nil {
		return fail(u, 0, err)
	}
	defer func() {
		timer := time.AfterFunc(drainTime, cancel)
		_, _ = io.CopyN(io.Discard, resp.Body, drainBytes)
		timer.Stop()
		_ = resp.Body.Close()
	}()
	if resp.StatusCode != http.StatusOK {
		return fail(u, resp.StatusCode, statusError(resp))
	}
	body, err := decoded(resp, limit)
	if err == nil {
		err = read(body)
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

// decoded is the body within its limit, also where a proxy compressed it unasked.
func decoded(resp *http.Response, limit int64) (io.Reader, error) {
	wire := &capped{r: resp.Body, limit: limit, left: limit}
	switch encoding := strings.ToLower(resp.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
		return wire, nil
	case "gzip", "x-gzip":
		plain, err := gzip.NewReader(wire)
		if err != nil {
			return nil, fmt.Errorf("content encoding gzip: %w", err)
		}
		return &capped{r: plain, limit: limit, left: limit}, nil
	default:
		return nil, fmt.Errorf("got content encoding %.60q, want none or gzip", encoding)
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
