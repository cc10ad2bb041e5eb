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

	"github.com/heapgate/heapgate/internal/netguard"
	"github.com/heapgate/heapgate/internal/profile"
	"github.com/heapgate/heapgate/internal/stacktext"
)

// Kind says in one word why a request failed; it is a label of the collector's own metrics.
type Kind string

const (
	KindTimeout      Kind = "timeout"       // no whole answer within the deadline
	KindHTTPStatus   Kind = "http_status"   // an answer other than 200, redirects included, that no other kind is for
	KindAbsent       Kind = "absent"        // 404: the program does not serve the page, or its Go version has no such profile
	KindMethod       Kind = "method"        // 405: something before the pprof pages takes no GET
	KindBusy         Kind = "busy"          // somebody else takes a CPU profile or a trace of the process
	KindWriteTimeout Kind = "write_timeout" // the server's WriteTimeout is shorter than the profile (before Go 1.23)
	KindDenied       Kind = "denied"        // the address is none that may be visited, see netguard
	KindTooLarge     Kind = "too_large"     // the answer crosses a limit, on the wire or inflated
	KindNotPprof     Kind = "not_pprof"     // a whole answer that is not what Go writes
	KindTruncated    Kind = "truncated"     // the answer broke off
	KindRefused      Kind = "refused"       // no connection, no HTTP, or a URL that cannot be asked
	KindCanceled     Kind = "canceled"      // the caller gave up; says nothing of the process
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
	if errors.As(err, &own) && own.URL != "" {
		return own
	} else if own != nil { // a reader's, which knows the kind alone
		return &Error{Kind: own.Kind, URL: redact(u), Status: status, Err: own.Err}
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) { // its text has the user's name and the query
		err = wrapped.Err
	}
	return &Error{Kind: kindOf(err, status), URL: redact(u), Status: status, Err: err}
}

func kindOf(err error, status int) Kind {
	var network net.Error
	var denied *netguard.DeniedError
	switch {
	case errors.As(err, &denied):
		return KindDenied
	case errors.Is(err, context.Canceled):
		return KindCanceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return KindTimeout
	case isLimit(err):
		return KindTooLarge
	case status == 0:
		return KindRefused
	case status != http.StatusOK:
		return KindHTTPStatus
	case errors.Is(err, stacktext.ErrTruncated), errors.Is(err, profile.ErrTruncated), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network):
		return KindTruncated
	}
	return KindNotPprof
}

// isLimit knows the limit errors of those that read the pages.
func isLimit(err error) bool {
	var text *stacktext.LimitError
	var protobuf *profile.LimitError
	return errors.As(err, &text) || errors.As(err, &protobuf)
}

// redact leaves of a URL what may be shown.
func redact(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
