// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/heapgate/heapgate/internal/stacktext"
)

// Settings of a Prober. A zero number means its default.
type Settings struct {
	Timeout         time.Duration // of a whole visit, and of any other page beside the seconds it is asked to gather; default 10 s
	MaxBodyBytes    int64         // of a text, decompressed; default 64 MiB
	MaxProfileBytes int64         // of a protobuf profile, as it comes; default 16 MiB
	MaxTraceBytes   int64         // of an execution trace; default 16 MiB
	MaxRecords      int           // of a text; default 1,000,000
	MaxName         int           // bytes of a function or file name in a text; default 1024
	MaxSymbols      int           // names kept in one Memory; default 16,384
	Cache           *Cache        // of names, shared by processes of one build; nil: each is asked for its own
	LoadVar         string        // name of the number in /debug/vars that counts the program's work, e.g. requests; empty: none
	KeepAlive       bool          // keep connections between requests: on plain HTTP it saves nothing and holds 32 kB a target
}

// Prober visits processes. It may be used by many goroutines at once, each with its own Memory.
type Prober struct {
	client   *http.Client
	settings Settings
}

// New copies the client (nil means a new one), forbids it to follow redirects, and puts Settings.Timeout in the place of
// its timeout, which knows nothing of pages that gather for longer.
func New(c *http.Client, s Settings) *Prober {
	client := http.Client{}
	if c != nil {
		client = *c
	}
	client.Transport = noRedirects{client.Transport}
	client.Timeout = 0
	setDefault(&s.Timeout, 10*time.Second)
	setDefault(&s.MaxBodyBytes, 64<<20)
	setDefault(&s.MaxProfileBytes, 16<<20)
	setDefault(&s.MaxTraceBytes, 16<<20)
	setDefault(&s.MaxSymbols, 16384)
	return &Prober{client: &client, settings: s}
}

// text are the limits of a text. Zero ones have the defaults of package stacktext.
func (s *Settings) text() stacktext.Limits {
	return stacktext.Limits{Bytes: s.MaxBodyBytes, Records: s.MaxRecords, NameBytes: s.MaxName}
}

func setDefault[N int | int64 | time.Duration](setting *N, value N) {
	if *setting <= 0 {
		*setting = value
	}
}

// CheckBase says what is wrong with the URL of a process: the pages need the query for themselves.
func CheckBase(base *url.URL) error {
	switch {
	case base.Scheme != "http" && base.Scheme != "https":
		return fmt.Errorf("got scheme %q, want http or https", base.Scheme)
	case base.Host == "":
		return errors.New("the URL has no host, want http://HOST:PORT")
	case base.RawQuery != "" || base.Fragment != "":
		return errors.New("the URL has a query or a fragment, want only http://HOST:PORT and the prefix of the pprof pages")
	}
	return nil
}
