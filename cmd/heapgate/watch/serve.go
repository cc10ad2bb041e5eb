// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// collector makes metrics of the last look. The names are in cmd/heapgate/metadata.yaml.
type collector struct {
	watcher                    *Watcher
	unverified, synced, errors *prometheus.Desc
}

func newCollector(w *Watcher) *collector {
	constant := prometheus.Labels{}
	if w.settings.Cluster != "" {
		constant["k8s_cluster_name"] = w.settings.Cluster
	}
	return &collector{
		watcher: w,
		unverified: prometheus.NewDesc("heapgate_workload_unverified", "1 if the live image of a guarded workload has no verdict that counts.",
			[]string{"k8s_namespace_name", "heapgate_workload_kind", "heapgate_workload_name", "state"}, constant),
		synced: prometheus.NewDesc("heapgate_watch_synced", "1 if the detector sees every guarded workload and every record now.", nil, constant),
		errors: prometheus.NewDesc("heapgate_watch_errors_total", "What kept the detector from seeing or telling.", nil, constant),
	}
}

// Describe lists the metrics.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	to <- c.unverified
	to <- c.synced
	to <- c.errors
}

// Collect is one scrape. During an outage the last states stay, and synced says so.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	for _, s := range c.watcher.Statuses() {
		to <- prometheus.MustNewConstMetric(c.unverified, prometheus.GaugeValue, number(s.State.Unverified()), s.Workload.Namespace, s.Workload.Kind, s.Workload.Name, string(s.State))
	}
	to <- prometheus.MustNewConstMetric(c.synced, prometheus.GaugeValue, number(c.watcher.Problem() == nil))
	to <- prometheus.MustNewConstMetric(c.errors, prometheus.CounterValue, float64(c.watcher.errors.Load()))
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// Statuses is the result of the last look, in the order of namespaces, kinds and names.
func (w *Watcher) Statuses() []Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last.statuses
}

// Handler serves /metrics, /healthz (ready: every cache was filled once) and /livez.
func (w *Watcher) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(w))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second}))
	mux.HandleFunc("GET /livez", func(out http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(out, "ok") })
	mux.HandleFunc("GET /healthz", func(out http.ResponseWriter, _ *http.Request) {
		if !w.Filled() {
			http.Error(out, "not ready: "+text(w.Problem()), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(out, "ok")
	})
	return mux
}

// Serve answers on a listener until the context ends.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(bounded); err != nil {
		_ = server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
