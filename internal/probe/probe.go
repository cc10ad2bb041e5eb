// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"net/http"
	"net/url"
	"time"

	"github.com/heapgate/heapgate/internal/heap"
)

// Settings of a Prober. A zero number means its default.
type Settings struct {
	Timeout      time.Duration // of a whole visit; default 10 s
	MaxBodyBytes int64         // of the heap text, decompressed; default 64 MiB
	MaxSymbols   int           // names kept in one Memory; default 16,384
	Goroutines   bool          // count goroutines: the process walks all its stacks for it
	Vars         bool          // read /debug/vars, where there is one
}

// Observation is what one visit brought home.
type Observation struct {
	At         time.Time // when the visit began; the process reads its MemStats right after
	Duration   time.Duration
	Bytes      int64 // length of the heap text, decompressed
	Heap       heap.Snapshot
	Goroutines *int64 // nil when not asked for, or in Partial
	Restarted  bool   // provably another process than in the visit before
	Vars       *Vars  // nil when not asked for, not served, or in Partial
	Partial    []error
}

// Vars is what /debug/vars adds to the heap text. Arguments are left out: they may hold secrets.
type Vars struct {
	Command      string // the base name of the program
	PauseTotalNs uint64 // the sum of all stop-the-world pauses, of which the text only has the last 256
}

// Prober visits processes. It may be used by many goroutines at once, each with its own Memory.
type Prober struct {
	client   *http.Client
	settings Settings
}

// New copies the client (nil means a new one) and forbids it to follow redirects.
func New(c *http.Client, s Settings) *Prober {
	client := http.Client{}
	if c != nil {
		client = *c
	}
	client.Transport = noRedirects{client.Transport}
	if s.Timeout <= 0 {
		s.Timeout = 10 * time.Second
	}
	if s.MaxBodyBytes <= 0 {
		s.MaxBodyBytes = 64 << 20
	}
	if s.MaxSymbols <= 0 {
		s.MaxSymbols = 16384
	}
	return &Prober{client: &client, settings: s}
}

// endpoint is the URL of one pprof page: an empty path means /debug/pprof, any other is the prefix itself.
func endpoint(base *url.URL, page, query string) *url.URL {
	u := *base
	u.RawPath = ""
	if u.Path == "" || u.Path == "/" {
		u.Path = "/debug/pprof"
	}
	u = *u.JoinPath(page)
	u.RawQuery = query
	return &u
}
