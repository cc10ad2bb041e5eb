// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/heapgate/heapgate/internal/heap"
)

// Kind says in one word why a visit failed; it is a label of the collector's own metrics.
type Kind string

const (
	KindTimeout    Kind = "timeout"     // no whole answer within the deadline
	KindHTTPStatus Kind = "http_status" // an answer other than 200, redirects included
	KindTooLarge   Kind = "too_large"   // the answer crosses a limit
	KindNotPprof   Kind = "not_pprof"   // a whole answer that is not what Go's pprof writes
	KindTruncated  Kind = "truncated"   // the answer broke off
	KindRefused    Kind = "refused"     // no connection, no HTTP, or a URL that cannot be asked
	KindCanceled   Kind = "canceled"    // the caller gave up; says nothing of the process
)

// Error is why a request failed.
type Error struct {
	Kind   Kind
	URL    string // without userinfo, query and fragment
	Status int    // 0 when there was no answer
	Err    error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %v", e.URL, e.Kind, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// fail makes an Error of what went wrong with a request.
func fail(u *url.URL, status int, err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) { // its text has the user's name and the query
		err = wrapped.Err
	}
	return &Error{Kind: kindOf(err, status), URL: redact(u), Status: status, Err: err}
}

func kindOf(err error, status int) Kind {
	var network net.Error
	var limit *heap.LimitError
	switch {
	case errors.Is(err, context.Canceled):
		return KindCanceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return KindTimeout
	case errors.As(err, &limit):
		return KindTooLarge
	case status == 0:
		return KindRefused
	case status != http.StatusOK:
		return KindHTTPStatus
	case errors.Is(err, heap.ErrTruncated), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network):
		return KindTruncated
	}
	return KindNotPprof
}

// redact leaves of a URL what may be shown.
func redact(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// statusError says what an answer other than 200 was. Of a redirect's target only the host is shown.
func statusError(resp *http.Response) error {
	if resp.StatusCode/100 != 3 {
		return fmt.Errorf("got status %d, want 200", resp.StatusCode)
	}
	target := "nowhere"
	if to, err := resp.Location(); err == nil {
		target = fmt.Sprintf("host %.200q", to.Host)
	}
	return fmt.Errorf("got status %d, a redirect to %s, which is not followed; want 200", resp.StatusCode, target)
}

// noRedirects ends a redirect before http.Client looks at it: not even the Location is believed to be a URL.
type noRedirects struct{ next http.RoundTripper }

func (t noRedirects) RoundTrip(req *http.Request) (*http.Response, error) {
	next := t.next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(req)
	if err != nil || resp.StatusCode/100 != 3 {
		return resp, err
	}
	_ = resp.Body.Close()
	return nil, fail(req.URL, resp.StatusCode, statusError(resp))
}
