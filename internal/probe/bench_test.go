// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/heapgate/heapgate/internal/heap"
)

// memoryNet answers each page from memory, so that what is measured is ours.
type memoryNet map[string][]byte

func (n memoryNet) RoundTrip(req *http.Request) (*http.Response, error) {
	page := req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:]
	return &http.Response{StatusCode: 200, Header: http.Header{}, Request: req, Body: io.NopCloser(bytes.NewReader(n[page]))}, nil
}

// BenchmarkVisit: a visit of a process that is known beside parsing its text alone; the difference is the visit's own.
func BenchmarkVisit(b *testing.B) {
	text, err := os.ReadFile("../heap/testdata/go1.26/heap.txt")
	if err != nil {
		b.Fatal(err)
	}
	symbols, err := os.ReadFile("../heap/testdata/go1.26/symbols.txt")
	if err != nil {
		b.Fatal(err)
	}
	base := &url.URL{Scheme: "http", Host: "x"}
	b.Run("impl=visit", func(b *testing.B) {
		p := New(&http.Client{Transport: memoryNet{"heap": text, "symbol": symbols}}, Settings{})
		var m Memory
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.Visit(context.Background(), base, &m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("impl=parse", func(b *testing.B) {
		names, err := heap.ParseSymbols(bytes.NewReader(symbols), heap.Limits{})
		if err != nil {
			b.Fatal(err)
		}
		symbol := func(address uint64) (string, bool) { name, ok := names[address]; return name, ok }
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			parsed, err := heap.Parse(bytes.NewReader(text), heap.Limits{})
			if err != nil {
				b.Fatal(err)
			}
			parsed.Snapshot(symbol)
		}
	})
}
