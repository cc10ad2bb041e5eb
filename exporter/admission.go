// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/heapgate/heapgate/exporter/internal/metadata"
)

const (
	// maxFormBytes has room for the regular expressions of a dashboard; guard.go bounds the rest of a query.
	maxFormBytes = 256 << 10
	// waitersPerPlace is how many requests may wait for each one that is answered.
	waitersPerPlace = 16
)

// admission stands before the query API and lets in what the store can bear:
//
//  1. not more requests at once than may run or wait,
//  2. each with a form of at most 256 KiB,
//  3. of which max_concurrent run, until query.timeout has passed since they came.
type admission struct {
	telemetry *metadata.TelemetryBuilder
	timeout   time.Duration
	places    chan struct{} // of those that run or wait
	running   chan struct{}
	closing   atomic.Bool
}

func newAdmission(cfg QueryConfig, telemetry *metadata.TelemetryBuilder) *admission {
	return &admission{
		telemetry: telemetry,
		timeout:   cfg.Timeout,
		places:    make(chan struct{}, cfg.MaxConcurrent*(1+waitersPerPlace)),
		running:   make(chan struct{}, cfg.MaxConcurrent),
	}
}

// limit wraps the handler of an endpoint that reads the store.
func (a *admission) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.closing.Load() {
			a.refuse(w, r, http.StatusServiceUnavailable, "unavailable", "closing", "the store is shutting down")
			return
		}
		select {
		case a.places <- struct{}{}:
			defer func() { <-a.places }()
		default:
			a.refuse(w, r, http.StatusServiceUnavailable, "unavailable", "busy", fmt.Sprintf("%d requests are running or waiting already; try again later", cap(a.places)))
			return
		}
		a.answer(next, w, r)
	})
}

// answer reads the form, waits for a place among the running, and runs.
func (a *admission) answer(next http.Handler, w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), a.timeout)
	defer cancel()
	r = r.WithContext(ctx)
	r.Header.Del("Origin") // no page of another site reads the answers: there is no authentication to stop it
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			a.refuse(w, r, http.StatusRequestEntityTooLarge, "bad_data", "too_large", fmt.Sprintf("the form must have at most %d bytes", large.Limit))
			return
		}
		a.refuse(w, r, http.StatusBadRequest, "bad_data", "bad_form", fmt.Sprintf("cannot read the form: %v", err))
		return
	}
	select {
	case a.running <- struct{}{}:
		defer func() { <-a.running }()
	case <-ctx.Done():
		a.refuse(w, r, http.StatusServiceUnavailable, "timeout", "busy", fmt.Sprintf("no place among %d running requests came free within %s", cap(a.running), a.timeout))
		return
	}
	next.ServeHTTP(w, r)
}

// refuse answers like Prometheus does and counts the request.
func (a *admission) refuse(w http.ResponseWriter, r *http.Request, status int, kind, reason, message string) {
	a.telemetry.ExporterPrometheusTsdbRequestsRefused.Add(r.Context(), 1, metric.WithAttributes(attribute.String("reason", reason)))
	w.Header().Set("Content-Type", "application/json")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	// The client may be gone; there is nobody else to tell.
	_ = json.NewEncoder(w).Encode(map[string]string{"status": "error", "errorType": kind, "error": message})
}

// close refuses whatever comes from now on.
func (a *admission) close() { a.closing.Store(true) }

// drain takes all places itself, so it returns when the last request that had one is over.
func (a *admission) drain() {
	for range cap(a.places) {
		a.places <- struct{}{}
	}
}
