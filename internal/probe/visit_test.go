// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"io"
	"net/http"
	"net/http/pprof"
	"os"
	"strings"
	"testing"

	"github.com/heapgate/heapgate/internal/heap"
)

func TestVisit(t *testing.T) {
	process := healthy()
	base := start(t, process)
	var m Memory
	o := visitOK(t, New(client(t), Settings{}), base, &m)
	findSite(t, o, "main.fill", heap.MapGrow)
	if len(o.Partial) != 0 || o.Restarted || o.Cost.Bytes <= o.Bytes || o.Cost.CPU < 2*leastCPU || o.Cost.Wall <= 0 {
		t.Errorf("got %+v", o)
	}
	want := "/debug/pprof/heap?debug=1 /debug/pprof/symbol?0x10+0x20"
	if got := strings.Join(process.asked, " "); got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	process.asked = nil
	visitOK(t, New(nil, Settings{}), base, &m)
	if got := strings.Join(process.asked, " "); got != "/debug/pprof/heap?debug=1" {
		t.Errorf("the second visit asked %s, want the heap alone", got)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// TestOwnHandlers visits this test binary's own pprof pages, below a prefix.
func TestOwnHandlers(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ops/pprof/{page}", func(w http.ResponseWriter, r *http.Request) {
		if page := r.PathValue("page"); page == "symbol" {
			pprof.Symbol(w, r)
		} else {
			pprof.Handler(page).ServeHTTP(w, r)
		}
	})
	base := start(t, mux)
	base.Path = "/ops/pprof/"
	p := New(client(t), Settings{})
	o := visitOK(t, p, base, new(Memory))
	if len(o.Partial) != 0 || o.Heap.Unresolved != 0 || o.Heap.MemStats.NumGC == 0 {
		t.Errorf("partial %v, unresolved %d, NumGC %d", o.Partial, o.Heap.Unresolved, o.Heap.MemStats.NumGC)
	}
	_, _, err := p.Vars(t.Context(), base)
	wantError(t, err, KindAbsent, "/ops/vars")
}

// TestFortyMegabytes: they are heard below the limit, and refused above it.
func TestFortyMegabytes(t *testing.T) {
	record := "\n1: 1 [1: 1] @ 0x101\n" + strings.Repeat("#\t0x100\tmain.fill+0x1\t/src/main.go:7\n", 100)
	body := heapText{extra: strings.Repeat(record, 40<<20/len(record))}.String()
	base := start(t, &process{heap: says(body)})
	o := visitOK(t, New(client(t), Settings{}), base, new(Memory))
	if o.Bytes != int64(len(body)) || o.Heap.Total.AllocObjects < 10_000 {
		t.Errorf("heard %d of %d bytes, %d objects", o.Bytes, len(body), o.Heap.Total.AllocObjects)
	}
	_, err := New(client(t), Settings{MaxBodyBytes: 39 << 20}).Visit(context.Background(), base, new(Memory))
	wantError(t, err, KindTooLarge)
}

// TestBodiesAreClosed counts every body of visits in which all pages answer, none does, and one is elsewhere.
func TestBodiesAreClosed(t *testing.T) {
	moved := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }
	for _, process := range []*process{healthy(), {}, {heap: moved}} {
		bodies := &bodyCounter{next: client(t).Transport}
		p := New(&http.Client{Transport: bodies}, Settings{KeepAlive: true})
		_, _ = p.Visit(context.Background(), start(t, process), new(Memory))
		if bodies.opened == 0 || bodies.closed != bodies.opened {
			t.Errorf("%d of %d bodies are closed", bodies.closed, bodies.opened)
		}
	}
}

type bodyCounter struct {
	next           http.RoundTripper
	opened, closed int
	read           int // bytes
}

type countedBody struct {
	io.ReadCloser
	counter *bodyCounter
}

func (c *bodyCounter) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(req)
	if err == nil {
		c.opened++
		resp.Body = countedBody{resp.Body, c}
	}
	return resp, err
}

func (b countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.counter.read += n
	return n, err
}

func (b countedBody) Close() error {
	b.counter.closed++
	return b.ReadCloser.Close()
}

// TestCompressedUnasked reads an answer that a proxy compressed though identity was asked for.
func TestCompressedUnasked(t *testing.T) {
	base := start(t, &process{heap: func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Accept-Encoding"); got != "identity" {
			t.Errorf("Accept-Encoding is %q, want identity", got)
		}
		zipped(heapText{}.String(), 1)(w, r)
	}})
	o := visitOK(t, New(client(t), Settings{}), base, new(Memory))
	findSite(t, o, "main.fill", heap.Unknown)
}

// TestUnknownVersion visits a process of a Go version to come.
func TestUnknownVersion(t *testing.T) {
	recorded, err := os.ReadFile("../heap/testdata/go1.26/heap.txt")
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := os.ReadFile("../heap/testdata/go1.26/symbols.txt")
	if err != nil {
		t.Fatal(err)
	}
	body := strings.Replace(string(recorded), "# NumGC", "# Arenas = [1 2 3]\n# Mood = good\n# NumGC", 1)
	o := visitOK(t, New(client(t), Settings{}), start(t, &process{heap: says(body), symbol: says(string(symbols))}), new(Memory))
	findSite(t, o, "main.growInt64", heap.MapGrow)
	if len(o.Partial) != 0 || o.Heap.Unresolved != 0 {
		t.Errorf("partial %v, unresolved %d", o.Partial, o.Heap.Unresolved)
	}
}

// TestVisitToLearn gives what heap.Build needs to read protobuf profiles.
func TestVisitToLearn(t *testing.T) {
	learned := 0
	var m Memory
	o, err := New(client(t), Settings{}).VisitToLearn(t.Context(), start(t, healthy()), &m, func(text *heap.Text, pairs *heap.Pairs, symbol func(uint64) (string, bool)) {
		if name, ok := symbol(0x10); !ok || name != "runtime.hashGrow" || text.Total.AllocBytes == 0 {
			t.Errorf("%q, %v, %+v", name, ok, text.Total)
		}
		if _, err := heap.NewBuild(heap.BuildLimits{}).Learn(text, pairs, symbol, 0); err != nil {
			t.Error(err)
		}
		learned++
	})
	if err != nil || learned != 1 {
		t.Errorf("learned %d times, %v", learned, err)
	}
	findSite(t, o, "main.fill", heap.MapGrow)
	_, err = New(client(t), Settings{}).VisitToLearn(t.Context(), start(t, &process{}), &m, func(*heap.Text, *heap.Pairs, func(uint64) (string, bool)) {
		t.Error("a failed visit teaches")
	})
	wantError(t, err, KindAbsent)
}
