// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package promapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"unicode"
)

// Kind tells what went wrong, for code that has to choose.
type Kind string

// The kinds of failure.
const (
	KindTimeout    Kind = "timeout"     // the deadline passed, or the caller gave up
	KindRefused    Kind = "refused"     // no connection, no TLS, no readable token
	KindHTTPStatus Kind = "http_status" // the store answered with another status than 200
	KindTooLarge   Kind = "too_large"   // the answer crossed a limit
	KindGarbage    Kind = "garbage"     // the answer is not what the API promises
	KindQuery      Kind = "query"       // the store understood the request and rejects the query
)

// Error is every error of a question.
type Error struct {
	Kind    Kind
	Address string // of the store, without userinfo's content
	Status  int    // HTTP status, 0 without an answer
	Err     error
}

func (e *Error) Error() string {
	text := fmt.Sprintf("store %s: %s", e.Address, e.Kind)
	if e.Status != 0 && e.Status != http.StatusOK {
		text += fmt.Sprintf(" %d", e.Status)
	}
	if e.Err == nil {
		return text
	}
	return text + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

func (c *Client) fail(kind Kind, status int, err error) error {
	return &Error{Kind: kind, Address: c.Address(), Status: status, Err: err}
}

// kinded is an error that knows its kind before the client adds the address.
type kinded struct {
	kind Kind
	text string
}

func (k *kinded) Error() string { return k.text }

func garbage(format string, args ...any) error {
	return &kinded{KindGarbage, fmt.Sprintf(format, args...)}
}

func tooLarge(format string, args ...any) error {
	return &kinded{KindTooLarge, fmt.Sprintf(format, args...)}
}

var errRedirect = errors.New("the store redirects, which is not followed because credentials would go along; give its final address")

func kindOf(err error, otherwise Kind) Kind {
	var known *kinded
	var network net.Error
	switch {
	case errors.As(err, &known):
		return known.kind
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, os.ErrDeadlineExceeded):
		return KindTimeout
	case errors.As(err, &network) && network.Timeout():
		return KindTimeout
	}
	return otherwise
}

// asked is what VictoriaMetrics writes before the cause of a plain-text error: who asked for what. The question is ours, and so long
// that the cause would be cut off.
var asked = regexp.MustCompile(`^remoteAddr: [^;]*; requestURI: [^;]*; `)

// excerpt shows the message of a cloud's error document, or the start of an unexpected body.
func excerpt(body []byte) error {
	if text := cloudMessage(body); text != "" {
		return errors.New(text)
	}
	text := oneLine(asked.ReplaceAllString(string(body), ""), 120)
	if text == "" {
		return errors.New("empty body")
	}
	return fmt.Errorf("body starts with %q", text)
}

// cloudMessage reads the error forms of the clouds in front of a store: {"message": ...} (AWS) and {"error": {"message": ...}}
// (https://cloud.google.com/apis/design/errors, https://github.com/microsoft/api-guidelines).
func cloudMessage(body []byte) string {
	var document struct {
		Message string `json:"message"`
		Error   struct {
			Status  string `json:"status"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &document) != nil {
		return ""
	}
	if document.Error.Message == "" {
		return oneLine(document.Message, maxNote)
	}
	return oneLine(strings.TrimPrefix(document.Error.Status+": "+document.Error.Message, ": "), maxNote)
}

// oneLine makes a text of the store fit for a terminal: no control characters, one line, at most limit runes.
func oneLine(text string, limit int) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit]) + "..."
	}
	return text
}
