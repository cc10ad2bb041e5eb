// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"errors"
	"fmt"
	"log"
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
	active, uses, remaining    *prometheus.Desc // of exceptions
	lastUse, opens, openAge    *prometheus.Desc
}

func newCollector(w *Watcher) *collector {
	constant := prometheus.Labels{}
	if w.settings.Cluster != "" {
		constant["k8s_cluster_name"] = w.settings.Cluster
	}
	described := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, constant)
	}
	const name, application = "heapgate_exception_name", "heapgate_application_name"
	workload := []string{"k8s_namespace_name", "heapgate_workload_kind", "heapgate_workload_name"}
	return &collector{
		watcher:   w,
		active:    described("heapgate_exception_active", "1 if a GateException would let its image pass now.", name, application),
		uses:      described("heapgate_exception_uses", "How many syncs a GateException has let go on.", name, application),
		remaining: described("heapgate_exception_remaining_seconds", "Until a GateException expires; negative afterwards.", name, application),
		lastUse:   described("heapgate_exception_last_use_age_seconds", "Since a GateException was used last.", name, application),
		opens:     described("heapgate_gate_fail_opens", "How often in 30 days a workload's gate let a sync go on without evidence.", workload...),
		openAge:   described("heapgate_gate_fail_open_age_seconds", "Since a workload's gate last let a sync go on without evidence.", workload...),

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
	for _, one := range []*prometheus.Desc{c.active, c.uses, c.remaining, c.lastUse, c.opens, c.openAge} {
		to <- one
	}
}

// Collect is one scrape. During an outage the last states stay, and synced says so.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	for _, s := range c.watcher.Statuses() {
		to <- prometheus.MustNewConstMetric(c.unverified, prometheus.GaugeValue, number(s.State.Unverified()), s.Workload.Namespace, s.Workload.Kind, s.Workload.Name, string(s.State))
	}
	c.collectExcuses(to, time.Now())
	to <- prometheus.MustNewConstMetric(c.synced, prometheus.GaugeValue, number(c.watcher.Problem() == nil))
	to <- prometheus.MustNewConstMetric(c.errors, prometheus.CounterValue, float64(c.watcher.errors.Load()))
}

// collectExcuses shows what let syncs go on that the gate would have stopped.
func (c *collector) collectExcuses(to chan<- prometheus.Metric, now time.Time) {
	c.watcher.mu.Lock()
	last := c.watcher.last
	c.watcher.mu.Unlock()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for _, e := range last.excuses {
		labels := []string{e.Exception.Name, e.application()}
		gauge(c.active, number(e.Refusal(now, e.Uses) == ""), labels...)
		gauge(c.uses, float64(e.Uses), labels...)
		gauge(c.remaining, e.Spec.Expires.Sub(now).Seconds(), labels...)
		if used := e.LastUse(); !used.IsZero() {
			gauge(c.lastUse, now.Sub(used).Seconds(), labels...)
		}
	}
	for _, o := range last.opened {
		recent := o.opens.Recent(now)
		gauge(c.opens, float64(len(recent)), o.namespace, o.kind, o.name)
		if len(recent) > 0 {
			gauge(c.openAge, now.Sub(recent[len(recent)-1]).Seconds(), o.namespace, o.kind, o.name)
		}
	}
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

// Serve answers on a listener until the context ends. Connections that come to nothing are told to problems, or if that is nil on
// standard error.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, problems *log.Logger) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: problems,
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
