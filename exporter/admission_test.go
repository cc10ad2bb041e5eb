// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// crowd sends n requests at once through an admission with one place, to a handler that waits for release.
type crowd struct {
	gate    *admission
	release chan struct{}
	wait    sync.WaitGroup

	mu      sync.Mutex
	answers map[string]int // by status and body
}

func newCrowd(t *testing.T) *crowd {
	r := newRig(t, testConfig(""))
	cfg := r.cfg.Query
	cfg.MaxConcurrent = 1
	return &crowd{gate: newAdmission(cfg, r.storeExporter.telemetry), release: make(chan struct{}), answers: map[string]int{}}
}

func (c *crowd) send(n int) {
	handler := c.gate.limit(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-c.release
		w.WriteHeader(http.StatusOK)
	}))
	for range n {
		c.wait.Go(func() {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/query?query=1", nil))
			c.mu.Lock()
			defer c.mu.Unlock()
			c.answers[http.StatusText(w.Code)+" "+strings.TrimSpace(w.Body.String())]++
		})
	}
}

func (c *crowd) expect(t *testing.T, want map[string]int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for answer, n := range c.answers {
		if want[answer] != n {
			t.Errorf("%d times %s, want %d", n, answer, want[answer])
		}
	}
	if len(c.answers) != len(want) {
		t.Errorf("got %v, want %v", c.answers, want)
	}
}

const (
	answerOK      = "OK "
	answerBusy    = `Service Unavailable {"error":"17 requests are running or waiting already; try again later","errorType":"unavailable","status":"error"}`
	answerLate    = `Service Unavailable {"error":"no place among 1 running requests came free within 30s","errorType":"timeout","status":"error"}`
	answerClosing = `Service Unavailable {"error":"the store is shutting down","errorType":"unavailable","status":"error"}`
)

// TestCrowd fills an admission to the brim: one request runs, sixteen wait, three are turned away at once.
func TestCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		c.send(20)
		synctest.Wait()
		c.expect(t, map[string]int{answerBusy: 3})
		close(c.release)
		c.wait.Wait()
		c.expect(t, map[string]int{answerBusy: 3, answerOK: 17})
	})
}

// TestCrowdTimeout lets two that wait use up their time.
func TestCrowdTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		c.send(1)
		synctest.Wait()
		c.send(2)
		time.Sleep(29 * time.Second)
		synctest.Wait()
		c.expect(t, map[string]int{})
		time.Sleep(time.Second)
		synctest.Wait()
		c.expect(t, map[string]int{answerLate: 2})
		close(c.release)
		c.wait.Wait()
		c.expect(t, map[string]int{answerOK: 1, answerLate: 2})
	})
}

// TestDrain waits for the request inside and refuses the next one.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t)
		c.send(1)
		synctest.Wait()
		c.gate.close()
		drained := false
		c.wait.Go(func() {
			c.gate.drain()
			drained = true
		})
		c.send(1)
		synctest.Wait()
		c.expect(t, map[string]int{answerClosing: 1})
		if drained {
			t.Error("drain returned while a request was inside")
		}
		close(c.release)
		c.wait.Wait()
		c.expect(t, map[string]int{answerClosing: 1, answerOK: 1})
	})
}

// TestReadyWhileClosing takes the store out of service before the port closes.
func TestReadyWhileClosing(t *testing.T) {
	gate := newCrowd(t).gate
	handler := routes(gate, http.NotFoundHandler())
	for _, want := range []int{http.StatusOK, http.StatusServiceUnavailable} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/-/ready", nil))
		if w.Code != want {
			t.Errorf("/-/ready gave %d, want %d", w.Code, want)
		}
		gate.close()
	}
}
