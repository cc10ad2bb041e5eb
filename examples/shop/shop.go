// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"expvar"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/heapgate/heapgate/examples/shop/order"
)

const maxBodyBytes = 1 << 20

// requests counts what was served, for /debug/vars: the load by which versions are compared.
var requests = expvar.NewInt("requests")

// cache remembers receipts by order id; one for each version of the shop.
type cache interface {
	Insert(id int64, receipt []byte)
	Get(id int64) (receipt []byte, ok bool)
	Len() int
}

// shop takes orders and shows their receipts.
type shop struct {
	version  string
	receipts cache
	lastID   atomic.Int64
	audit    *auditTrail // nil but in the lavish version
	log      *slog.Logger
}

func (s *shop) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", s.place)
	mux.HandleFunc("GET /orders/{id}", s.show)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /version", s.showVersion)
	return mux
}

// place stores a batch, all of it or nothing.
func (s *shop) place(w http.ResponseWriter, r *http.Request) {
	var batch order.Batch
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBodyBytes)).Decode(&batch); err != nil {
		s.refuse(w, bodyStatus(err), fmt.Errorf("the body must be {\"orders\": [...]}: %w", err))
		return
	}
	for i, o := range batch.Orders {
		if err := o.Validate(); err != nil {
			s.refuse(w, http.StatusUnprocessableEntity, fmt.Errorf("orders[%d]: %w", i, err))
			return
		}
	}
	requests.Add(1)
	now := time.Now()
	accepted := order.Accepted{IDs: make([]int64, len(batch.Orders))}
	for i, o := range batch.Orders {
		id := s.lastID.Add(1)
		s.receipts.Insert(id, order.Receipt{Customer: o.Customer, TotalCents: o.TotalCents(), Placed: now}.Encode())
		accepted.IDs[i] = id
		if s.audit != nil {
			s.audit.Note(id, o)
		}
	}
	s.answer(w, http.StatusCreated, accepted)
}

func bodyStatus(err error) int {
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

func (s *shop) show(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		s.refuse(w, http.StatusBadRequest, fmt.Errorf("an order id is a number (got %q)", r.PathValue("id")))
		return
	}
	packed, ok := s.receipts.Get(id)
	if !ok {
		s.refuse(w, http.StatusNotFound, fmt.Errorf("order %d is not known here, or no more", id))
		return
	}
	receipt, err := order.DecodeReceipt(packed)
	if err != nil {
		s.refuse(w, http.StatusInternalServerError, err)
		return
	}
	s.answer(w, http.StatusOK, receipt)
}

func (s *shop) showVersion(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, http.StatusOK, map[string]any{"version": s.version, "go": runtime.Version(), "receipts": s.receipts.Len()})
}

func (s *shop) refuse(w http.ResponseWriter, status int, err error) {
	s.answer(w, status, map[string]string{"error": err.Error()})
}

func (s *shop) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		s.log.Warn("answer not sent", "error", err)
	}
}
