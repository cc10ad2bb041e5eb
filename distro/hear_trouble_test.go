// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// trouble is a target that does what it should not.
type trouble struct {
	name, address string
	want          string // error.type of its heap text, or of another page: "heap_profile not_pprof"; empty: it stays up
	asked         atomic.Int64
	followed      *atomic.Int64 // redirects
}

// heardAs waits until the collector has heard the target often enough, and tells what is wrong with it.
func (f *trouble) heardAs(t *testing.T, told *told) {
	t.Helper()
	await(t, f.name+" is asked", func() (any, bool) { n := f.asked.Load(); return n, n >= 3 })
	least := 5.0
	if f.want == "timeout" {
		least = 2 // they wait for each other: a quarter of the places is one
	}
	source, kind, other := strings.Cut(f.want, " ")
	switch {
	case f.want == "":
		told.awaitPoint(t, f.address, "heapgate.target.up", func(p point) bool { return p.value == 1 })
	case other:
		told.awaitPoint(t, f.address, "heapgate.scrape.errors", func(p point) bool {
			return p.has("heapgate.scrape.source="+source, "error.type="+kind)
		})
	default:
		told.awaitPoint(t, f.address, "heapgate.scrape.errors", func(p point) bool {
			return p.has("heapgate.scrape.source=heap_text", "error.type="+f.want) && p.value >= least
		})
		told.awaitPoint(t, f.address, "heapgate.target.up", func(p point) bool { return p.value == 0 })
	}
}

// newTroubles starts two targets of each kind of trouble, each at an address of its own, as pods are.
func newTroubles(t *testing.T) (all []*trouble) {
	t.Helper()
	followed := &atomic.Int64{}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	t.Cleanup(elsewhere.Close)
	for i, kind := range kindsOfTrouble(t, elsewhere.URL) {
		for j := range 2 {
			f := &trouble{name: kind.name, want: kind.want, followed: followed}
			listener, err := net.Listen("tcp", fmt.Sprintf("127.0.1.%d:0", 1+2*i+j))
			if err != nil {
				t.Fatal(err)
			}
			f.address = listener.Addr().String()
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n := f.asked.Add(1)
				kind.serve(w, r, n)
			}))
			server.Listener.Close()
			server.Listener = listener
			server.Config.ErrorLog = nil
			server.Start()
			t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
			all = append(all, f)
		}
	}
	return all
}

type kindOfTrouble struct {
	name, want string
	serve      func(w http.ResponseWriter, r *http.Request, n int64)
}

func kindsOfTrouble(t *testing.T, elsewhere string) []kindOfTrouble {
	t.Helper()
	early := heapText(t)
	bomb := packed(t, []byte("heap profile: 1: 1 [1: 1] @ heap/1048576\n"+strings.Repeat("1: 1 [1: 1] @ 0x401000\n", 64<<20/23)))
	binary := packed(t, make([]byte, 64<<20))
	late := heapText(t)
	say := func(text []byte) func(http.ResponseWriter, *http.Request, int64) {
		return func(w http.ResponseWriter, _ *http.Request, _ int64) { _, _ = w.Write(text) }
	}
	well := http.DefaultServeMux.ServeHTTP
	return []kindOfTrouble{
		{"restarts", "", func(w http.ResponseWriter, r *http.Request, n int64) {
			switch {
			case !strings.HasSuffix(r.URL.Path, "/heap") || r.URL.RawQuery == "":
				well(w, r)
			case n%2 == 0:
				_, _ = w.Write(late)
			default: // its counters are back
				_, _ = w.Write(early)
			}
		}},
		{"resets", "truncated", func(w http.ResponseWriter, _ *http.Request, _ int64) {
			cut(w, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(late), late[:len(late)/2]), true)
		}},
		{"breaks off", "truncated", func(w http.ResponseWriter, _ *http.Request, _ int64) {
			cut(w, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(late), late[:len(late)/2]), false)
		}},
		{"closes", "refused", func(w http.ResponseWriter, _ *http.Request, _ int64) { cut(w, "", true) }},
		{"HTML", "not_pprof", say([]byte("<!DOCTYPE html><html><body>Welcome to nginx!</body></html>"))},
		{"junk", "not_pprof", func(w http.ResponseWriter, _ *http.Request, _ int64) {
			text := make([]byte, 1+rand.IntN(100_000))
			for i := range text {
				text[i] = byte(rand.Uint32())
			}
			_, _ = w.Write(text)
		}},
		{"empty", "not_pprof", say(nil)},
		{"bomb", "too_large", func(w http.ResponseWriter, _ *http.Request, _ int64) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb)
		}},
		{"one line", "too_large", func(w http.ResponseWriter, _ *http.Request, _ int64) {
			line := bytes.Repeat([]byte("x"), 1<<20)
			_, _ = io.WriteString(w, "heap profile: 1: 1 [1: 1] @ heap/1048576\n")
			for range 8 {
				if _, err := w.Write(line); err != nil {
					return
				}
			}
		}},
		{"redirects", "http_status", func(w http.ResponseWriter, r *http.Request, _ int64) {
			http.Redirect(w, r, elsewhere, http.StatusFound)
		}},
		{"fails", "http_status", func(w http.ResponseWriter, _ *http.Request, _ int64) {
			http.Error(w, "it hurts", http.StatusInternalServerError)
		}},
		{"hangs", "timeout", func(_ http.ResponseWriter, r *http.Request, _ int64) { <-r.Context().Done() }},
		{"drips", "timeout", func(w http.ResponseWriter, r *http.Request, _ int64) {
			for _, b := range late {
				_, _ = w.Write([]byte{b})
				_ = http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done():
					return
				case <-time.After(50 * time.Millisecond):
				}
			}
		}},
		{"endless header", "refused", func(w http.ResponseWriter, _ *http.Request, _ int64) {
			cut(w, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1<<20), false)
		}},
		{"bombs behind a good face", "heap_profile too_large", func(w http.ResponseWriter, r *http.Request, _ int64) {
			if strings.HasSuffix(r.URL.Path, "/heap") && r.URL.RawQuery != "" {
				well(w, r)
				return
			}
			_, _ = w.Write(binary)
		}},
	}
}

// cut answers on the bare connection and closes it, by a reset if it is asked for.
func cut(w http.ResponseWriter, answer string, reset bool) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(connection, answer)
	if reset {
		time.Sleep(20 * time.Millisecond) // what is sent but not read is lost with a reset
		_ = connection.(*net.TCPConn).SetLinger(0)
	}
	_ = connection.Close()
}

// heapText is what net/http/pprof says of this process now.
func heapText(t *testing.T) []byte {
	t.Helper()
	runtime.GC()
	answer := httptest.NewRecorder()
	http.DefaultServeMux.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/debug/pprof/heap?debug=1", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("heap text: %d", answer.Code)
	}
	return answer.Body.Bytes()
}

func packed(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
