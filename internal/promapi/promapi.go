// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

// Package promapi asks a Prometheus-compatible store (Prometheus, Thanos, Mimir, VictoriaMetrics, the embedded store) and
// believes nothing of the answer that it has not checked. One question is:
//
//  1. POST to /api/v1/query or /api/v1/query_range, with a deadline, and with credentials that go to this origin only:
//     a redirect is refused, never followed.
//  2. 429 and 503 are tried again, a bounded number of times, as Retry-After says and the deadline allows.
//  3. The status is looked at before the body; Prometheus' error JSON becomes the text of the error.
//  4. The body is decoded as a stream below a limit of bytes, series, labels and points.
//  5. Warnings, infos and isPartial are handed out beside the series: they mean that the answer may lack series.
//
// Every failure is an *Error with a Kind. No error text holds a credential.
package promapi

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Settings bound one question. A zero field means its default.
type Settings struct {
	Timeout      time.Duration     // of one question including its retries; 30 s
	MaxBodyBytes int64             // of one answer, after decompression; 16 MiB
	MaxSeries    int               // of one answer; 2,000
	MaxPoints    int               // of one series; 11,000, as Prometheus
	MaxRetries   int               // of 429 and 503; 3, negative: none
	Headers      map[string]string // e.g. X-Scope-OrgID
	Transport    http.RoundTripper // nil: a clone of http.DefaultTransport; not together with TLS

	// At most one of these three and of userinfo in the address. Files are read again for every request.
	BearerTokenFile              string
	BasicUser, BasicPasswordFile string
	Authorizer                   Authorizer

	clean, sealed redactor // of the request whose answer is decoded

	TLS TLS // for https; the zero value is the system's authorities and no certificate of our own
}

// Answer is what the store said to one question.
type Answer struct {
	Series   []Series
	Warnings []string
	Infos    []string
	Partial  bool // VictoriaMetrics' isPartial
}

// Complete tells whether the store vouched for the whole answer.
func (a Answer) Complete() bool { return !a.Partial && len(a.Warnings) == 0 && len(a.Infos) == 0 }

// Series is one label set with its points in rising time; one point in the answer to Query. NaN is a value here.
type Series struct {
	Labels map[string]string
	Points []Point
}

// Point is one value at At, in Unix milliseconds.
type Point struct {
	At    int64
	Value float64
}

// Client asks one store. It is safe for concurrent use.
type Client struct {
	base     *url.URL // without userinfo
	auth     auth
	settings Settings
	http     *http.Client
}

// New checks the address and the credentials; it does not connect.
func New(address string, s Settings) (*Client, error) {
	base, user, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	credentials, err := newAuth(user, s)
	if err != nil {
		return nil, err
	}
	if s.TLS != (TLS{}) {
		if s.Transport, err = newTransport(base, s); err != nil {
			return nil, err
		}
	}
	s = s.withDefaults()
	return &Client{base: base, auth: credentials, settings: s, http: &http.Client{
		Transport:     s.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func (s Settings) withDefaults() Settings {
	if s.Timeout <= 0 {
		s.Timeout = 30 * time.Second
	}
	if s.MaxBodyBytes <= 0 {
		s.MaxBodyBytes = 16 << 20
	}
	if s.MaxSeries <= 0 {
		s.MaxSeries = 2000
	}
	if s.MaxPoints <= 0 {
		s.MaxPoints = 11000
	}
	if s.MaxRetries == 0 {
		s.MaxRetries = 3
	}
	if s.Transport == nil {
		s.Transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	return s
}

// Address is the store's address as it may be printed: userinfo is replaced.
func (c *Client) Address() string {
	shown := *c.base
	text := shown.String()
	if c.auth.user != nil {
		text = strings.Replace(text, "://", "://"+redacted+"@", 1)
	}
	return text
}

// Query evaluates expr at one time; the answer must be a vector.
func (c *Client) Query(ctx context.Context, expr string, at time.Time) (Answer, error) {
	return c.ask(ctx, "/api/v1/query", "vector", url.Values{"query": {expr}, "time": {seconds(at)}})
}

// QueryRange evaluates expr at start, start+step, ... up to end; the answer must be a matrix.
func (c *Client) QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Answer, error) {
	return c.ask(ctx, "/api/v1/query_range", "matrix", url.Values{
		"query": {expr}, "start": {seconds(start)}, "end": {seconds(end)},
		"step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	})
}

func seconds(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

func (c *Client) ask(ctx context.Context, path, wanted string, form url.Values) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.settings.Timeout)
	defer cancel()
	form.Set("timeout", strconv.FormatFloat(c.settings.Timeout.Seconds(), 'f', -1, 64))
	for attempt := 0; ; attempt++ {
		answer, retryAfter, err := c.try(ctx, path, wanted, form)
		if err == nil || retryAfter < 0 || attempt >= c.settings.MaxRetries || !sleep(ctx, retryAfter) {
			return answer, err
		}
	}
}

// sleep waits d if the deadline leaves time for another attempt after it.
func sleep(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// try sends one request. retryAfter is negative if the same request would fail again.
func (c *Client) try(ctx context.Context, path, wanted string, form url.Values) (_ Answer, retryAfter time.Duration, _ error) {
	body := form.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.String()+path, strings.NewReader(body))
	if err != nil {
		return Answer{}, -1, c.fail(KindRefused, 0, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	clean, err := c.auth.apply(request, []byte(body))
	if err != nil {
		return Answer{}, -1, c.fail(kindOf(err, KindRefused), 0, err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return Answer{}, -1, c.fail(kindOf(err, KindRefused), 0, clean.err(err))
	}
	defer func() {
		// A drained body lets the connection be used again; more than this is not worth reading.
		_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
		_ = response.Body.Close()
	}()
	if response.StatusCode != http.StatusOK {
		return Answer{}, retryDelay(response), c.failStatus(response, clean)
	}
	answer, err := decode(response.Body, wanted, c.settings.after(clean, c.auth))
	if err != nil {
		return Answer{}, -1, c.fail(kindOf(err, KindGarbage), response.StatusCode, clean.err(err))
	}
	return answer, -1, nil
}

// retryDelay reads Retry-After (RFC 9110, 10.2.3: seconds or a date) of an answer that asks to come back; one second without it.
func retryDelay(r *http.Response) time.Duration {
	if r.StatusCode != http.StatusTooManyRequests && r.StatusCode != http.StatusServiceUnavailable {
		return -1
	}
	text := r.Header.Get("Retry-After")
	if n, err := strconv.ParseInt(text, 10, 32); err == nil && n >= 0 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return time.Second
}

// failStatus turns an answer that is not 200 into an error; the body, if it is Prometheus' error JSON, is its text.
func (c *Client) failStatus(r *http.Response, clean redactor) error {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if _, err := decode(bytes.NewReader(body), "", c.settings.after(clean, c.auth)); err != nil && kindOf(err, "") == KindQuery {
		kind := KindHTTPStatus
		if r.StatusCode == http.StatusBadRequest || r.StatusCode == http.StatusUnprocessableEntity {
			kind = KindQuery
		}
		return c.fail(kind, r.StatusCode, clean.err(err))
	}
	if r.StatusCode >= 300 && r.StatusCode < 400 {
		return c.fail(KindHTTPStatus, r.StatusCode, errRedirect)
	}
	return c.fail(KindHTTPStatus, r.StatusCode, clean.err(excerpt([]byte(clean.text(string(body))))))
}
