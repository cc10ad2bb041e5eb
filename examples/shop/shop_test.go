// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const oneOrder = `{"customer": 7, "items": [{"sku": "A", "quantity": 2, "price_cents": 350}]}`

func TestShopAnswers(t *testing.T) {
	s := settings{version: "good", most: 10}.newShop(slog.New(slog.DiscardHandler))
	server := httptest.NewServer(s.handler())
	defer server.Close()
	for _, tt := range []struct {
		method, path, body string
		status             int
		answer             string
	}{
		{"GET", "/healthz", "", 200, "ok"},
		{"GET", "/version", "", 200, `"receipts":0,"version":"good"`},
		{"GET", "/orders/1", "", 404, "order 1 is not known here"},
		{"POST", "/orders", `{"orders": [` + oneOrder + `,` + oneOrder + `]}`, 201, `{"ids":[1,2]}`},
		{"GET", "/orders/2", "", 200, `{"customer":7,"total_cents":700,"placed":"20`},
		{"GET", "/orders/x", "", 400, `an order id is a number (got \"x\")`},
		{"POST", "/orders", `{"orders": [` + oneOrder + `, {"customer": 1}]}`, 422, "orders[1]: items must not be empty"},
		{"GET", "/version", "", 200, `"receipts":2`}, // nothing of the refused batch was kept
		{"POST", "/orders", `{"orders": [`, 400, "the body must be"},
		{"POST", "/orders", `{"orders": [` + strings.Repeat(" ", maxBodyBytes), 413, "too large"},
		{"DELETE", "/orders/1", "", 405, ""},
		{"GET", "/debug/pprof/", "", 404, ""}, // not on the customers' port
	} {
		status, answer := ask(t, tt.method, server.URL+tt.path, tt.body)
		if status != tt.status || !strings.Contains(answer, tt.answer) {
			t.Errorf("%s %s %.60s: got %d %s, want %d with %s", tt.method, tt.path, tt.body, status, answer, tt.status, tt.answer)
		}
	}
}

func TestVersionsDifferInWhatTheyKeep(t *testing.T) {
	for version, want := range map[string]int{"good": 50, "bad": 400} {
		t.Run(version, func(t *testing.T) {
			s := settings{version: version, most: 50, dumpEvery: 100}.newShop(slog.New(slog.DiscardHandler))
			server := httptest.NewServer(s.handler())
			defer server.Close()
			batch := `{"orders": [` + strings.Repeat(oneOrder+",", 19) + oneOrder + `]}`
			for range 20 {
				if status, answer := ask(t, "POST", server.URL+"/orders", batch); status != 201 {
					t.Fatalf("got %d %s", status, answer)
				}
			}
			if got := s.receipts.Len(); got != want {
				t.Errorf("after 400 orders: got %d receipts, want %d", got, want)
			}
			status, answer := ask(t, "GET", server.URL+"/orders/1", "")
			if wantStatus := map[string]int{"good": 404, "bad": 200}[version]; status != wantStatus {
				t.Errorf("the first order: got %d %s, want %d", status, answer, wantStatus)
			}
		})
	}
}

func ask(t *testing.T, method, url, body string) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(fmt.Errorf("%s %s: %w", method, url, err))
	}
	return response.StatusCode, string(text)
}

// TestLavishAllocatesMore: the third version keeps no more than the first, and allocates more for each order.
func TestLavishAllocatesMore(t *testing.T) {
	batch := `{"orders": [` + strings.Repeat(oneOrder+",", 19) + oneOrder + `]}`
	cost := func(version string) float64 {
		s := settings{version: version, most: 50}.newShop(slog.New(slog.DiscardHandler))
		handler := s.handler()
		return testing.AllocsPerRun(50, func() {
			request := httptest.NewRequest(http.MethodPost, "/orders", strings.NewReader(batch))
			handler.ServeHTTP(httptest.NewRecorder(), request)
		})
	}
	before := requests.Value()
	good, lavish := cost("good"), cost("lavish")
	if lavish < 1.1*good {
		t.Errorf("good allocates %.0f times a request, lavish %.0f", good, lavish)
	}
	if got := requests.Value() - before; got != 102 {
		t.Errorf("102 requests were counted as %d", got)
	}
}
