// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/heapgate/heapgate/internal/heap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// process is a Go process as its pprof pages show it. A nil page is not served.
type process struct {
	heap, symbol, mutex http.HandlerFunc
	other               map[string]http.HandlerFunc // by path
	asked               []string                    // path?query of the requests, in order
}

func (p *process) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.asked = append(p.asked, r.URL.RequestURI())
	page := map[string]http.HandlerFunc{
		"/debug/pprof/heap": p.heap, "/debug/pprof/symbol": p.symbol, "/debug/pprof/mutex": p.mutex,
	}[r.URL.Path]
	if page == nil {
		page = p.other[r.URL.Path]
	}
	if page == nil {
		http.NotFound(w, r)
		return
	}
	page(w, r)
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", code) }
}

// zipped answers a body many times over, compressed.
func zipped(body string, repeat int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		for range repeat {
			_, _ = io.WriteString(z, body)
		}
		_ = z.Close()
	}
}

// hangs answers head and then nothing until the visitor leaves.
func hangs(head string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if head != "" {
			_, _ = w.Write([]byte(head))
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	}
}

// healthy is a process that answers what a visit asks.
func healthy() *process {
	return &process{
		heap:   says(heapText{}.String()),
		symbol: says("num_symbols: 1\n0x10 runtime.hashGrow\n0x20 runtime.mapassign_fast64\n"),
	}
}

// heapText is a heap text of one site. The zero value is a process after 2 GCs.
type heapText struct {
	numGC      uint32            // 0 means 2
	ends       map[uint32]uint64 // PauseEnd of a cycle, where it is not 1000 and the cycle
	totalAlloc uint64
	function   string
	extra      string // records
}

func (x heapText) String() string {
	if x.numGC == 0 {
		x.numGC = 2
	}
	if x.function == "" {
		x.function = "main.fill"
	}
	var ends [256]uint64
	for n := max(x.numGC, 256) - 255; n <= x.numGC; n++ {
		ends[(n+255)%256] = 1000 + uint64(n)
		if end, ok := x.ends[n]; ok {
			ends[(n+255)%256] = end
		}
	}
	return fmt.Sprintf("heap profile: 1: 64 [2: 128] @ heap/2\n1: 64 [2: 128] @ 0x11 0x21 0x101\n#\t0x100\t%s+0x1\t/src/main.go:7\n%s\n"+
		"# runtime.MemStats\n# TotalAlloc = %d\n# Mallocs = 5\n# NextGC = 4194304\n# PauseNs = %d\n# PauseEnd = %d\n# NumGC = %d\n# DebugGC = false\n",
		x.function, x.extra, 1000+x.totalAlloc, [256]uint64{}, ends, x.numGC)
}

// start serves a process and gives its URL.
func start(t *testing.T, handler http.Handler) *url.URL {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return base
}

// client has connections of its own, which end with the test.
func client(t *testing.T) *http.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func visitOK(t *testing.T, p *Prober, base *url.URL, m *Memory) Observation {
	t.Helper()
	o, err := p.Visit(context.Background(), base, m)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// wantError holds an error to a kind and to words in its text, and to showing nothing it may not.
func wantError(t *testing.T, err error, kind Kind, words ...string) {
	t.Helper()
	var got *Error
	if !errors.As(err, &got) || got.Kind != kind {
		t.Errorf("got %v, want an *Error of kind %s", err, kind)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
	for _, secret := range []string{"hunter2", "alice"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%q tells the secret %q", err, secret)
		}
	}
}

func findSite(t *testing.T, o Observation, function string, class heap.Class) heap.Site {
	t.Helper()
	for _, site := range o.Heap.Sites {
		if site.Function == function && site.Class == class {
			return site
		}
	}
	t.Fatalf("no site %s of class %s in %+v", function, class, o.Heap.Sites)
	return heap.Site{}
}
