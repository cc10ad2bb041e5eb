// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// kind is how a target behaves.
type kind int

const (
	healthy kind = iota
	hanging      // takes connections and never answers
	chaotic      // answers well, breaks off, answers junk, or starts anew, in turn
)

// fleet is all targets: one listener on every loopback address, so that the address dialled tells the target.
type fleet struct {
	programs []program
	kinds    []kind
	listener net.Listener
	server   *http.Server
	ended    context.Context

	mu      sync.Mutex
	targets []state
	from    time.Time // since when gaps count
}

// state is what is known of one target.
type state struct {
	life  life
	turn  int
	last  time.Time     // of its last heap text
	gap   time.Duration // longest between two of them
	texts int
}

// address of target n, from 127.1.0.0 on.
func address(n int) string { return fmt.Sprintf("127.%d.%d.%d", 1+n/65536, n/256%256, n%256) }

// newFleet listens. Which targets hang and which are chaotic depends on their number alone.
func newFleet(ctx context.Context, s settings, programs []program) (*fleet, error) {
	listener, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		return nil, err
	}
	f := &fleet{programs: programs, listener: listener, ended: ctx, targets: make([]state, s.targets), kinds: make([]kind, s.targets)}
	now := time.Now()
	for n := range f.targets {
		f.targets[n].life.started = now.Add(-time.Duration(n%3600) * time.Second)
		switch luck := lot(n); {
		case luck < s.hanging:
			f.kinds[n] = hanging
		case luck < s.hanging+(1-s.hanging)*s.chaotic:
			f.kinds[n] = chaotic
		}
	}
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: time.Minute}
	go func() { _ = f.server.Serve(listener) }()
	return f, nil
}

// lot is a number from 0 to 1 that belongs to a target.
func lot(n int) float64 {
	return rand.New(rand.NewPCG(uint64(n), 1)).Float64()
}

func (f *fleet) port() int { return f.listener.Addr().(*net.TCPAddr).Port }

func (f *fleet) close() { _ = f.server.Close() }

func (f *fleet) number(r *http.Request) (int, bool) {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok {
		return 0, false
	}
	ip := local.IP.To4()
	n := (int(ip[1])-1)*65536 + int(ip[2])*256 + int(ip[3])
	return n, n >= 0 && n < len(f.targets)
}

func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, ok := f.number(r)
	if !ok {
		http.NotFound(w, r)
		return
	}
	switch f.kinds[n] {
	case hanging:
		select {
		case <-r.Context().Done():
		case <-f.ended.Done():
		}
	case chaotic:
		f.chaos(w, r, n)
	default:
		f.answer(w, r, n)
	}
}

// chaos does something else on each visit.
func (f *fleet) chaos(w http.ResponseWriter, r *http.Request, n int) {
	f.mu.Lock()
	t := &f.targets[n]
	t.turn++
	turn := t.turn % 5
	if turn == 0 {
		t.life.started = time.Now()
	}
	f.mu.Unlock()
	switch turn {
	case 1: // a reset in the middle of the answer
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write([]byte("heap profile: 1: 1 [1: 1] @ heap/1048576\n"))
		if hijacker, ok := w.(http.Hijacker); ok {
			if conn, _, err := hijacker.Hijack(); err == nil {
				_ = conn.(*net.TCPConn).SetLinger(0)
				_ = conn.Close()
			}
		}
	case 2:
		_, _ = w.Write([]byte("<html>" + strings.Repeat("junk\x00\xff ", 1000)))
	case 3:
		http.Error(w, "cpu profiling already in use", http.StatusInternalServerError)
	default:
		f.answer(w, r, n)
	}
}

func (f *fleet) answer(w http.ResponseWriter, r *http.Request, n int) {
	p := &f.programs[n%len(f.programs)]
	switch r.URL.Path {
	case "/debug/pprof/heap":
		_, _ = w.Write(p.buckets)
		_, _ = w.Write(f.visited(n).tail(p, time.Now()))
	case "/debug/pprof/goroutine":
		_, _ = w.Write(p.goroutines)
	case "/debug/pprof/symbol":
		symbols(w, r)
	default:
		http.NotFound(w, r)
	}
}

// symbols names every address alike: what is measured is the asking.
func symbols(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, "num_symbols: 1")
	for address := range strings.SplitSeq(r.URL.RawQuery, "+") {
		fmt.Fprintf(w, "%s runtime.mallocgc\n", address)
	}
}

// visited notes a heap text.
func (f *fleet) visited(n int) life {
	f.mu.Lock()
	defer f.mu.Unlock()
	t, now := &f.targets[n], time.Now()
	t.texts++
	if !f.from.IsZero() {
		t.gap = max(t.gap, now.Sub(latest(t.last, f.from)))
	}
	t.last = now
	return t.life
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// begin lets gaps count from now on.
func (f *fleet) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.from = time.Now()
}

// waits are the longest gaps of all healthy targets, and how many texts they served.
func (f *fleet) waits() (gaps []time.Duration, texts int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n := range f.targets {
		t := &f.targets[n]
		texts += t.texts
		if f.kinds[n] == healthy {
			gaps = append(gaps, max(t.gap, time.Since(latest(t.last, f.from))))
		}
	}
	return gaps, texts
}
