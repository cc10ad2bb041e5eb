// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/heapgate/heapgate/examples/shop/order"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRunPostsValidOrders(t *testing.T) {
	var (
		mu   sync.Mutex
		seen int
		bad  []error
	)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen++
		if err := checkBatch(r.Body, 4); err != nil {
			bad = append(bad, err)
		}
		if r.Method != http.MethodPost || r.URL.Path != "/orders" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(http.StatusCreated)
	}))
	defer server.Close()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"--url", server.URL + "/", "--rate", "1000", "--orders", "4", "--duration", "100ms", "--concurrency", "100"}, &stdout, &stderr)
	if code != 0 || seen != 100 || len(bad) > 0 {
		t.Errorf("exit code %d, %d requests, wrong bodies: %v", code, seen, bad)
	}
	if want := "load: 100 requests at 1000/s in "; !strings.HasPrefix(stdout.String(), want) || !strings.Contains(stdout.String(), ": ok 100, failed 0, dropped 0, ") {
		t.Errorf("got %q, want %s...", stdout.String(), want)
	}
}

func checkBatch(body io.Reader, orders int) error {
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	var batch order.Batch
	if err := decoder.Decode(&batch); err != nil {
		return err
	}
	if len(batch.Orders) != orders {
		return fmt.Errorf("a batch must have %d orders (got %d)", orders, len(batch.Orders))
	}
	for _, o := range batch.Orders {
		if err := o.Validate(); err != nil {
			return err
		}
	}
	return nil
}

func TestRunTellsFailures(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer refusing.Close()
	for name, tt := range map[string]struct {
		args   []string
		code   int
		output string
	}{
		"wrong status": {args: []string{"--url", refusing.URL, "--rate", "100", "--duration", "20ms"}, code: 1, output: "must answer 201 Created (got 418 I'm a teapot)"},
		"nobody there": {args: []string{"--url", "http://127.0.0.1:1", "--rate", "100", "--duration", "20ms"}, code: 1, output: "first failure: "},
		"help":         {args: []string{"-h"}, code: 0, output: "-rate"},
		"wrong flags": {args: []string{"--rate", "0", "--duration", "-1s", "--concurrency", "0", "--late-after", "0", "--orders", "0", "x"}, code: 2, output: `load: load takes flags only (got ["x"])
--orders must be positive (got 0)
--rate must be above 0 and at most 1000000 requests per second (got 0)
--duration must not be negative (got -1s)
--concurrency must be positive (got 0)
--late-after must be positive (got 0s)
`},
	} {
		t.Run(name, func(t *testing.T) {
			var output bytes.Buffer
			if code := run(t.Context(), tt.args, &output, &output); code != tt.code || !strings.Contains(output.String(), tt.output) {
				t.Errorf("got %d and %q, want %d and %q", code, output.String(), tt.code, tt.output)
			}
		})
	}
}

func TestBodiesAreTheSameInEveryRun(t *testing.T) {
	first, second := newBodies(3), newBodies(3)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
	if len(first) != differentBodies || bytes.Equal(first[0], first[1]) {
		t.Errorf("want %d bodies that differ (got %d)", differentBodies, len(first))
	}
}

func TestLatencyQuantiles(t *testing.T) {
	var l Latency
	if got := l.below(0.5); got != 0 {
		t.Errorf("without latencies: got %v, want 0", got)
	}
	for range 98 {
		l.add(900 * time.Microsecond)
	}
	l.add(3 * time.Millisecond)
	l.add(time.Hour)
	for q, want := range map[float64]time.Duration{0: 1024, 0.5: 1024, 0.98: 1024, 0.99: 4096, 1: 1 << 32} {
		if got := l.below(q); got != want*time.Microsecond {
			t.Errorf("quantile %v: got < %v, want < %v", q, got, want*time.Microsecond)
		}
	}
	if l.max != time.Hour {
		t.Errorf("max: got %v", l.max)
	}
}
