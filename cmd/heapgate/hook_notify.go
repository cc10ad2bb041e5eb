// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// notice is what the webhook is sent. Its fields are an interface: they are added to, never renamed.
type notice struct {
	Application string `json:"application"`
	Revision    string `json:"revision"`
	Workload    string `json:"workload"` // KIND/NAME, "" if not known
	Digest      string `json:"digest"`   // of the image, "" if not known
	Verdict     string `json:"verdict"`
	Phase       string `json:"phase"` // of the verdict; SyncFail if none of heapgate's hooks stopped the sync
	Summary     string `json:"summary"`
	At          string `json:"at"` // RFC 3339
}

// notifySettings say where notices go. Both the address and the headers may be secrets, so that no text ever holds them.
type notifySettings struct {
	url        *url.URL // nil: nowhere
	headerFile string
}

// Bounds of one notification.
const (
	notifyTries   = 3
	notifyTimeout = 10 * time.Second // of one try
	notifyPause   = time.Second      // before the second try, and twice as long before each further one
	maxHeaderFile = 64 << 10
)

func parseNotify(address, headerFile string) (notifySettings, error) {
	if address == "" {
		if headerFile != "" {
			return notifySettings{}, errors.New("--notify-header-file goes with --notify-url")
		}
		return notifySettings{}, nil
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" {
		return notifySettings{}, errors.New("--notify-url must be an address like https://hooks.example.com/path (it is not shown, because it may be a secret)")
	}
	return notifySettings{url: parsed, headerFile: headerFile}, nil
}

// headers reads the file of headers: a `Name: value` a line.
func (n notifySettings) headers() (http.Header, error) {
	headers := http.Header{"Content-Type": {"application/json"}}
	if n.headerFile == "" {
		return headers, nil
	}
	info, err := os.Stat(n.headerFile)
	if err != nil {
		return nil, fmt.Errorf("--notify-header-file: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxHeaderFile {
		return nil, fmt.Errorf("--notify-header-file %s must be a file of at most 64 KiB", n.headerFile)
	}
	text, err := os.ReadFile(n.headerFile)
	if err != nil {
		return nil, fmt.Errorf("--notify-header-file: %w", err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, " \t") {
			return nil, fmt.Errorf("--notify-header-file %s: line %d is not `Name: value`", n.headerFile, i+1)
		}
		headers.Set(name, strings.TrimSpace(value))
	}
	return headers, nil
}

// send posts the notice, three times at most. Only a 2xx is a success; a redirect is none.
func (n notifySettings) send(ctx context.Context, said notice) error {
	headers, err := n.headers()
	if err != nil {
		return err
	}
	body, err := json.Marshal(said)
	if err != nil {
		return err
	}
	client := &http.Client{
		Timeout:       notifyTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	pause := notifyPause
	for try := 1; ; try++ {
		again, err := n.post(ctx, client, headers, body)
		if err == nil {
			return nil
		}
		if !again || try == notifyTries || ctx.Err() != nil {
			return fmt.Errorf("the notification to %s was not taken: %w (try %d of %d)", n.url.Host, err, try, notifyTries)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
		pause *= 2
	}
}

// post tries once. again tells whether another try could do better.
func (n notifySettings) post(ctx context.Context, client *http.Client, headers http.Header, body []byte) (again bool, _ error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url.String(), bytes.NewReader(body))
	if err != nil {
		return false, errors.New("the address cannot be used")
	}
	request.Header = headers.Clone()
	response, err := client.Do(request)
	if err != nil {
		var outer *url.Error // Its text holds the address.
		if errors.As(err, &outer) {
			err = outer.Err
		}
		return true, err
	}
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
	_ = response.Body.Close()
	if code := response.StatusCode; code < 200 || code > 299 {
		return code == http.StatusTooManyRequests || code >= 500, fmt.Errorf("status %d", code)
	}
	return false, nil
}
