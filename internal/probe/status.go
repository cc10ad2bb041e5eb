// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// maxExcuse is how much of an answer other than 200 is read to tell what it means.
const maxExcuse = 1 << 10

// refusal makes an error of an answer other than 200. Go's pprof pages say in words what their status does not; the words
// are the same from Go 1.11 to 1.26.
func refusal(u *url.URL, resp *http.Response) *Error {
	kind, why := KindHTTPStatus, ""
	switch resp.StatusCode {
	case http.StatusNotFound:
		kind, why = KindAbsent, "; the process does not serve this page"
	case http.StatusMethodNotAllowed:
		kind, why = KindMethod, "; something takes no GET there"
	case http.StatusBadRequest:
		if bytes.Contains(excuse(resp), []byte("exceeds server's WriteTimeout")) {
			kind, why = KindWriteTimeout, "; the server's WriteTimeout must be longer than the seconds asked for"
		}
	case http.StatusInternalServerError:
		if text := excuse(resp); bytes.HasPrefix(text, []byte("Could not enable ")) && bytes.Contains(text, []byte(" already ")) {
			kind, why = KindBusy, "; somebody else takes a CPU profile or a trace"
		}
	}
	return &Error{Kind: kind, URL: redact(u), Status: resp.StatusCode, Err: fmt.Errorf("got status %d, want 200%s", resp.StatusCode, why)}
}

func excuse(resp *http.Response) []byte {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxExcuse))
	return text
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
	target := "nowhere"
	if to, err := resp.Location(); err == nil {
		target = fmt.Sprintf("host %.200q", to.Host)
	}
	return nil, &Error{
		Kind: KindHTTPStatus, URL: redact(req.URL), Status: resp.StatusCode,
		Err: fmt.Errorf("got status %d, a redirect to %s, which is not followed; want 200", resp.StatusCode, target),
	}
}

// CloseIdleConnections reaches what is wrapped.
func (t noRedirects) CloseIdleConnections() {
	if next, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		next.CloseIdleConnections()
	}
}
