// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package exporter

import (
	"io"
	"log/slog"
	"net/http"

	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
	v1 "github.com/prometheus/prometheus/web/api/v1"
)

const apiPrefix = "/api/v1"

// readEndpoints are the paths and methods that are served; everything else of Prometheus' API (admin, remote write and read,
// OTLP, status, flags, targets) has no route at all.
var readEndpoints = []string{
	"GET /api/v1/query", "POST /api/v1/query",
	"GET /api/v1/query_range", "POST /api/v1/query_range",
	"GET /api/v1/series", "POST /api/v1/series",
	"GET /api/v1/labels", "POST /api/v1/labels",
	"GET /api/v1/label/{name}/values",
}

// newAPI gives Prometheus' own HTTP API over the store.
func newAPI(cfg QueryConfig, db *tsdb.DB, logger *slog.Logger) http.Handler {
	engine := promql.NewEngine(promql.EngineOpts{
		Logger:                   logger,
		MaxSamples:               cfg.MaxSamples,
		Timeout:                  cfg.Timeout,
		LookbackDelta:            cfg.LookbackDelta,
		NoStepSubqueryIntervalFn: func(int64) int64 { return subqueryStep.Milliseconds() },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
	})
	api := v1.NewAPI(
		guard{Engine: engine, maxSteps: float64(cfg.MaxSamples)}, db,
		nil, nil, // appenders: nothing is written through the API
		nil,           // exemplars
		nil, nil, nil, // scrape pools, targets, alertmanagers
		func() config.Config { return config.DefaultConfig },
		nil, v1.GlobalURLOptions{},
		func(f http.HandlerFunc) http.HandlerFunc { return f }, // ready: the port opens after the store
		nil, "", false, // the database for the admin endpoints
		false, 0, // search endpoints
		logger,
		nil,     // rules
		0, 0, 0, // remote read
		false, nil, nil, nil, nil, nil, nil, nil, nil,
		false, nil, // remote write
		false, false, false, // OTLP
		false, cfg.LookbackDelta, false, false,
		nil, nil,
		v1.OpenAPIOptions{IncludePaths: []string{"/labels"}}, // not served; a short document halves the 80 MB that building it allocates
		nil,
	)
	router := route.New().WithPrefix(apiPrefix)
	api.Register(router)
	return router
}

// routes puts the endpoints that may be reached in front of the API.
func routes(gate *admission, api http.Handler) http.Handler {
	mux := http.NewServeMux()
	limited := gate.limit(api)
	for _, pattern := range readEndpoints {
		mux.Handle(pattern, limited)
	}
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusOK, "The store is healthy.\n")
	})
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if gate.closing.Load() {
			say(w, http.StatusServiceUnavailable, "The store is shutting down.\n")
			return
		}
		say(w, http.StatusOK, "The store is ready.\n")
	})
	return mux
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the client may be gone
}
