// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/netguard"
	"github.com/heapgate/heapgate/internal/profile"
)

// at serves handlers by path.
func at(handlers map[string]http.HandlerFunc) *process { return &process{other: handlers} }

func decode(body io.Reader) error {
	_, err := profile.NewDecoder(profile.Limits{WireBytes: 1 << 20, Bytes: 1 << 20}).Decode(body)
	return err
}

func TestURLs(t *testing.T) {
	const base = "http://10.0.0.1:6060"
	for _, test := range []struct {
		page Page
		path string
		want string
	}{
		{HeapText(), "", "/debug/pprof/heap?debug=1"},
		{HeapProfile(), "/", "/debug/pprof/heap"},
		{Mutex(), "/debug/pprof", "/debug/pprof/mutex"},
		{Mutex(), "/a%2Fb/", "/a%2Fb/mutex"},
		{Block(), "/ops/pprof/", "/ops/pprof/block"},
		{CPU(10 * time.Second), "", "/debug/pprof/profile?seconds=10"},
		{CPU(1999 * time.Millisecond), "", "/debug/pprof/profile?seconds=1"},
		{CPU(0), "", "/debug/pprof/profile?seconds=1"}, // no seconds would mean 30
		{Trace(1500 * time.Millisecond), "", "/debug/pprof/trace?seconds=1.5"},
		{Trace(time.Second + time.Nanosecond), "", "/debug/pprof/trace?seconds=1"},
		{Trace(0), "", "/debug/pprof/trace?seconds=0.001"},
		{Goroutine(), "", "/debug/pprof/goroutine?debug=1"},
		{GoroutineLeak(), "", "/debug/pprof/goroutineleak?debug=1"},
		{VarsPage(), "", "/debug/vars"},
		{VarsPage(), "/debug/pprof/", "/debug/vars"},
		{VarsPage(), "/ops/pprof", "/ops/vars"},
		{VarsPage(), "/pprof", "/vars"},
	} {
		u, err := url.Parse(base + test.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := test.page.url(u).String(); got != base+test.want {
			t.Errorf("%s below %q: got %s, want %s", test.page, test.path, got, test.want)
		}
		if query := test.page.url(u).RawQuery; strings.Contains(query, "gc") || strings.Contains(query, "debug=2") {
			t.Errorf("%s asks for %s", test.page, query)
		}
	}
}

// TestBadPages shows what each kind of broken page is called; behind it the body is closed.
func TestBadPages(t *testing.T) {
	fails := func(code int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Go-Pprof", "1")
			http.Error(w, text, code)
		}
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 4 {
		_, _ = z.Write(make([]byte, 1<<20))
	}
	_ = z.Close()
	drip := func(w http.ResponseWriter, r *http.Request) {
		for i := 0; r.Context().Err() == nil; i++ {
			_, _ = w.Write(bomb.Bytes()[i : i+1])
			w.(http.Flusher).Flush()
			time.Sleep(10 * time.Millisecond)
		}
	}
	for _, test := range []struct {
		name  string
		page  http.HandlerFunc
		kind  Kind
		words string
	}{
		{"busy with a CPU profile", fails(500, "Could not enable CPU profiling: cpu profiling already in use"), KindBusy, "somebody else"},
		{"busy with a trace, Go 1.19", fails(500, "Could not enable tracing: tracing is already enabled"), KindBusy, "somebody else"},
		{"busy with a trace, Go 1.26", fails(500, "Could not enable tracing: execution tracer already enabled"), KindBusy, "somebody else"},
		{"cannot profile", fails(500, "Could not enable CPU profiling: not supported"), KindHTTPStatus, "got status 500"},
		{"fails", fails(500, "this profile is already broken"), KindHTTPStatus, "got status 500"},
		{"WriteTimeout", fails(400, "profile duration exceeds server's WriteTimeout"), KindWriteTimeout, "WriteTimeout must be longer"},
		{"bad request", fails(400, "seconds and debug params are incompatible"), KindHTTPStatus, "got status 400"},
		{"unknown profile", fails(404, "Unknown profile"), KindAbsent, "does not serve this page"},
		{"no GET", fails(405, "Method Not Allowed"), KindMethod, "got status 405"},
		{"no access", fails(403, "hunter2"), KindHTTPStatus, "got status 403"},
		{"an excuse without an end", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}, KindHTTPStatus, "got status 500"},
		{"an excuse that hangs", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, KindHTTPStatus, "got status 500"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }, KindHTTPStatus, "redirect"},
		{"hangs before the headers", hangs(""), KindTimeout, ""},
		{"hangs in the body", hangs("\x1f\x8b\x08"), KindTimeout, ""},
		{"drips", drip, KindTimeout, ""},
		{"junk", says("\x07\x01\x02"), KindNotPprof, "content type"},
		{"HTML", says("<html>"), KindNotPprof, "not a pprof protobuf"},
		{"empty", says(""), KindNotPprof, ""},
		{"cut", says(bomb.String()[:bomb.Len()/2]), KindTooLarge, ""},
		{"cut early", says(bomb.String()[:20]), KindTruncated, ""},
		{"a bomb", says(bomb.String()), KindTooLarge, ""},
		{"a bomb around it", zipped(bomb.String(), 2000), KindTooLarge, ""},
		{"too long", says(strings.Repeat("\x32\x00", 3<<20)), KindTooLarge, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := start(t, at(map[string]http.HandlerFunc{"/debug/pprof/mutex": test.page}))
			base.User = url.UserPassword("alice", "hunter2")
			timeout := time.Minute
			if test.kind == KindTimeout {
				timeout = 300 * time.Millisecond
			}
			bodies := &bodyCounter{next: client(t).Transport}
			p := New(&http.Client{Transport: bodies}, Settings{Timeout: timeout, MaxProfileBytes: 2 << 20})
			cost, err := p.Get(t.Context(), base, Mutex(), decode)
			wantError(t, err, test.kind, test.words, base.Host+"/debug/pprof/mutex")
			if strings.HasPrefix(test.name, "an excuse") && bodies.read > 2*maxExcuse {
				t.Errorf("%d bytes of an excuse were read", bodies.read)
			}
			if bodies.opened != bodies.closed {
				t.Errorf("%d of %d bodies are closed", bodies.closed, bodies.opened)
			}
			if cost.Wall <= 0 || cost.CPU < leastCPU || cost.Bytes > 2<<20 {
				t.Errorf("cost %+v", cost)
			}
		})
	}
}

// TestDenied: an address that may not be visited is refused by the name of its reason.
func TestDenied(t *testing.T) {
	transport := &http.Transport{DialContext: netguard.New(netguard.Settings{}).DialContext(net.Dialer{})}
	base := start(t, healthy())
	cost, err := New(&http.Client{Transport: transport}, Settings{}).Get(t.Context(), base, Mutex(), decode)
	wantError(t, err, KindDenied, "loopback")
	if cost != (Cost{}) {
		t.Errorf("cost %+v of a request that was not made", cost)
	}
	_, err = New(nil, Settings{}).Get(t.Context(), &url.URL{Scheme: "ftp", Host: "x"}, Mutex(), decode)
	wantError(t, err, KindRefused, `scheme "ftp"`)
}

// TestOwnErrors: what a reader finds wrong keeps its type; the page was not what it should be.
func TestOwnErrors(t *testing.T) {
	mine := errors.New("mine")
	base := start(t, at(map[string]http.HandlerFunc{"/debug/pprof/block": says("x")}))
	_, err := New(client(t), Settings{}).Get(t.Context(), base, Block(), func(io.Reader) error { return mine })
	wantError(t, err, KindNotPprof, "mine")
	if !errors.Is(err, mine) {
		t.Errorf("%v is not what the reader said", err)
	}
	_, err = New(client(t), Settings{}).Get(t.Context(), base, Block(), func(io.Reader) error { return &Error{Kind: KindTooLarge, Err: mine} })
	wantError(t, err, KindTooLarge, base.Host+"/debug/pprof/block", "mine")
	bomb := start(t, at(map[string]http.HandlerFunc{"/debug/pprof/block": zipped(strings.Repeat("x", 1<<20), 9)}))
	_, err = New(client(t), Settings{MaxProfileBytes: 1 << 20}).Get(t.Context(), bomb, Block(), func(body io.Reader) error {
		n, err := io.Copy(io.Discard, body)
		if n > 1<<20 {
			t.Errorf("%d bytes were given to a reader", n)
		}
		return err
	})
	wantError(t, err, KindTooLarge)
	ctx, cancel := context.WithCancel(t.Context())
	_, err = New(client(t), Settings{}).Get(ctx, base, Block(), func(io.Reader) error { cancel(); return ctx.Err() })
	wantError(t, err, KindCanceled)
}

// TestConnections: each request has a connection of its own, unless Settings keep them.
func TestConnections(t *testing.T) {
	for keep, want := range map[bool]int{false: 4, true: 1} {
		seen := map[string]bool{}
		process := healthy()
		base := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen[r.RemoteAddr] = true
			if r.Close == keep {
				t.Errorf("keep %v: the request says close %v", keep, r.Close)
			}
			process.ServeHTTP(w, r)
		}))
		p := New(client(t), Settings{KeepAlive: keep})
		for range 2 { // heap and symbol each
			visitOK(t, p, base, new(Memory))
		}
		if len(seen) != want {
			t.Errorf("keep %v: %d connections, want %d", keep, len(seen), want)
		}
	}
}
