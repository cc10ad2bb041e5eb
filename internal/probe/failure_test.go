// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/heapgate/heapgate/internal/heap"
)

// TestBadTargets shows what each kind of broken target is called.
func TestBadTargets(t *testing.T) {
	const limit = 1 << 20
	whole := heapText{}.String()
	big := heapText{extra: "\n" + strings.Repeat("1: 1 [1: 1] @ 0x101\n#\t0x100\tmain.fill+0x1\t/src/main.go:7\n\n", limit/50)}.String()
	html := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!DOCTYPE html><title>Login</title>")
	}
	drip := func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(whole) && r.Context().Err() == nil; i++ {
			_, _ = io.WriteString(w, whole[i:i+1])
			w.(http.Flusher).Flush()
			time.Sleep(5 * time.Millisecond) // a real connection: the whole text would take 10 s
		}
	}
	lost := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100000")
		_, _ = io.WriteString(w, whole[:len(whole)/2])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	for _, test := range []struct {
		name  string
		heap  http.HandlerFunc
		kind  Kind
		words []string
	}{
		{"hangs before the headers", hangs(""), KindTimeout, nil},
		{"hangs in the body", hangs(whole[:200]), KindTimeout, nil},
		{"drips", drip, KindTimeout, nil},
		{"404", status(404), KindAbsent, []string{"got status 404, want 200"}},
		{"405", status(405), KindMethod, []string{"got status 405"}},
		{"400", status(400), KindHTTPStatus, []string{"got status 400"}},
		{"500", status(500), KindHTTPStatus, []string{"got status 500"}},
		{"204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, KindHTTPStatus, []string{"got status 204"}},
		{"html", html, KindNotPprof, []string{`content type "text/html; charset=utf-8"`, "<!DOCTYPE html>"}},
		{"empty", says(""), KindNotPprof, nil},
		{"protobuf", says("\x1f\x8b\x08\x00\x00"), KindNotPprof, nil},
		{"garbage inside", says(strings.Replace(whole, "1: 64", "one: 64", 2)), KindNotPprof, []string{"line 2"}},
		{"cut", says(whole[:len(whole)-3]), KindTruncated, nil},
		{"connection lost", lost, KindTruncated, nil},
		{"too large", says(big), KindTooLarge, []string{"more than 1048576 bytes"}},
		{"gzip bomb", zipped(strings.Repeat("\n", 1<<20), 20), KindNotPprof, nil},
		{"gzip bomb of text", zipped("heap profile: 0: 0 [0: 0] @ heap/2\n"+strings.Repeat("\n", 1<<20), 2), KindTooLarge, nil},
		{"gzip cut", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff")
		}, KindTruncated, nil},
		{"other encoding", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			_, _ = io.WriteString(w, whole)
		}, KindNotPprof, []string{`"br"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := start(t, &process{heap: test.heap})
			base.User = url.UserPassword("alice", "hunter2")
			m := Memory{names: map[uint64]string{1: "x"}}
			timeout := time.Minute
			if test.kind == KindTimeout {
				timeout = 300 * time.Millisecond
			}
			o, err := New(client(t), Settings{Timeout: timeout, MaxBodyBytes: limit}).Visit(context.Background(), base, &m)
			wantError(t, err, test.kind, append(test.words, base.Host+"/debug/pprof/heap")...)
			if o.Heap.Sites != nil || !m.knows(1) {
				t.Error("a failed visit left an observation or changed the memory")
			}
			if o.Cost.Wall <= 0 || o.Cost.CPU < leastCPU {
				t.Errorf("cost %+v: a failed visit costs the process as much", o.Cost)
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	followed := false
	elsewhere := start(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed = true }))
	for _, code := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{"http://alice:hunter2@" + elsewhere.Host + "/x?token=hunter2", "/debug/pprof/heap", "%zz"} {
			base := start(t, &process{heap: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", to)
				w.WriteHeader(code)
			}})
			_, err := New(client(t), Settings{}).Visit(context.Background(), base, new(Memory))
			wantError(t, err, KindHTTPStatus, "redirect")
			if strings.HasPrefix(to, "http://") {
				wantError(t, err, KindHTTPStatus, elsewhere.Host)
			}
		}
	}
	if followed {
		t.Error("a redirect was followed")
	}
}

func TestRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	_ = listener.Close()
	garbage, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := garbage.Accept()
		if err == nil {
			_, _ = conn.Read(make([]byte, 1024))
			_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH\r\n")
			_ = conn.Close()
		}
	}()
	for _, raw := range []string{
		"http://alice:hunter2@" + closed, "http://" + garbage.Addr().String(), "ftp://127.0.0.1", "http:///debug", "http://127.0.0.1?token=hunter2",
	} {
		base, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(client(t), Settings{}).Visit(context.Background(), base, new(Memory))
		wantError(t, err, KindRefused)
	}
	<-done
	_ = garbage.Close()
}

func TestCanceledByTheCaller(t *testing.T) {
	base := start(t, &process{heap: hangs("")})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := New(client(t), Settings{}).Visit(ctx, base, new(Memory))
	wantError(t, err, KindCanceled)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not context.Canceled", err)
	}
}

// TestPartial loses nothing that was heard: a symbol page that fails leaves the heap.
func TestPartial(t *testing.T) {
	for _, test := range []struct {
		name   string
		symbol http.HandlerFunc
		kind   Kind // of the one error; empty: none
	}{
		{"no symbol page", nil, KindAbsent},
		{"symbol page is HTML", says("<html>\n"), KindNotPprof},
		{"symbol page hangs", hangs("0x10 runtime"), KindTimeout},
		{"symbol page knows nothing", says("num_symbols: 1\n"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			process := healthy()
			process.symbol = test.symbol
			timeout := time.Minute
			if test.kind == KindTimeout {
				timeout = time.Second
			}
			o := visitOK(t, New(client(t), Settings{Timeout: timeout}), start(t, process), new(Memory))
			findSite(t, o, "main.fill", heap.Unknown)
			if len(o.Heap.Warnings) == 0 {
				t.Error("no warning of unknown classes")
			}
			if test.kind == "" {
				if len(o.Partial) != 0 {
					t.Errorf("got %v, want no error", o.Partial)
				}
				return
			}
			if len(o.Partial) != 1 {
				t.Fatalf("got %v, want one error", o.Partial)
			}
			wantError(t, o.Partial[0], test.kind, "symbol")
		})
	}
}
