// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	_ "net/http/pprof" // the collector hears this command
	"strings"
	"time"
)

func collectorConfig() string {
	var targets []string
	for i := range 10 {
		targets = append(targets, fmt.Sprintf(`{url: "http://127.0.0.1:17777", id: "collector-%d", workload: {name: collector-%[1]d}}`, i),
			fmt.Sprintf(`{url: "http://127.0.0.1:17778", id: "load-%d", workload: {name: load-%[1]d}}`, i))
	}
	return fmt.Sprintf(`extensions:
  pprof: {endpoint: '127.0.0.1:17777'}
  health_check: {endpoint: '127.0.0.1:17779'}
receivers:
  go_runtime:
    collection_interval: 5s
    cost: {max_cpu_share: 1}
    sources:
      heap_profile: {enabled: true}
      mutex: {enabled: true}
    targets:
      - %s
  otlp:
    protocols: {http: {endpoint: '127.0.0.1:17780'}}
processors:
  memory_limiter: {check_interval: 1s, limit_mib: 1000}
  resource: {attributes: [{key: cluster, value: one, action: upsert}]}
  attributes: {actions: [{key: secret, action: delete}, {key: host, action: hash}]}
  filter: {metrics: {datapoint: ['attributes["drop"] == "yes"']}}
  transform: {metric_statements: [{context: datapoint, statements: ['set(attributes["zone"], Concat([resource.attributes["service.name"], "a"], "-"))']}]}
  go_signals: {}
  batch: {timeout: 1s}
exporters:
  prometheus: {endpoint: '127.0.0.1:17781', resource_to_telemetry_conversion: {enabled: true}}
  prometheus_tsdb: {directory: store, endpoint: '127.0.0.1:17782'}
  file: {path: out.json, rotation: {max_megabytes: 20, max_backups: 1}}
  otlp_http: {endpoint: 'http://127.0.0.1:17778/sink', compression: gzip}
  debug: {verbosity: basic}
service:
  extensions: [pprof, health_check]
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: 17783}}}}]}}
  pipelines:
    metrics/heard: {receivers: [go_runtime], processors: [memory_limiter, go_signals, batch], exporters: [prometheus, prometheus_tsdb]}
    metrics/sent: {receivers: [otlp], processors: [memory_limiter, resource, attributes, filter, transform, batch], exporters: [prometheus, otlp_http, file]}
    logs: {receivers: [otlp, go_runtime], processors: [memory_limiter, resource, batch], exporters: [otlp_http, debug]}
    traces: {receivers: [otlp], processors: [memory_limiter, resource, attributes, batch], exporters: [otlp_http]}
`, strings.Join(targets, "\n      - "))
}

func useCollector(s *session) {
	http.HandleFunc("/sink/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", asJSON)
		fmt.Fprint(w, "{}")
	})
	server := &http.Server{Addr: "127.0.0.1:17778", ReadHeaderTimeout: time.Second}
	go func() { s.note(server.ListenAndServe()) }() // until the command ends
	const base = "http://127.0.0.1:17780/v1/"
	labels := func(i int) string {
		return fmt.Sprintf(`[{"key":"host","value":{"stringValue":"host-%d"}},{"key":"code","value":{"intValue":"%d"}},{"key":"drop","value":{"stringValue":%q}}]`, i%20, 200+i%5, []string{"yes", "no"}[i%2])
	}
	each := func(n int, format func(i int) string) string {
		var all []string
		for i := range n {
			all = append(all, format(i))
		}
		return strings.Join(all, ",")
	}
	service := func(i int) string {
		return fmt.Sprintf(`"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"service-%d"}}]}`, i%10)
	}
	for range 2 {
		s.user(50*time.Millisecond, func(i int) error {
			now := time.Now().UnixNano()
			points := each(50, func(i int) string {
				return fmt.Sprintf(`{"timeUnixNano":"%d","startTimeUnixNano":"%d","asDouble":%d,"attributes":%s}`, now, now-1e9, i, labels(i))
			})
			return s.ask(http.MethodPost, base+"metrics", asJSON, fmt.Sprintf(`{"resourceMetrics":[{%s,"scopeMetrics":[{"scope":{"name":"s"},"metrics":[{"name":"some.gauge","unit":"s","gauge":{"dataPoints":[%s]}},{"name":"some.sum","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[%[2]s]}},
{"name":"some.histogram","histogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"%d","count":"3","sum":4,"bucketCounts":["1","1","1"],"explicitBounds":[1,2]}]}}]}]}]}`, service(i), points, now))
		})
		s.user(50*time.Millisecond, func(i int) error {
			records := each(50, func(i int) string {
				return fmt.Sprintf(`{"timeUnixNano":"%d","severityNumber":9,"body":{"stringValue":"a line of a log %d"},"attributes":%s}`, time.Now().UnixNano(), i, labels(i))
			})
			return s.ask(http.MethodPost, base+"logs", asJSON, fmt.Sprintf(`{"resourceLogs":[{%s,"scopeLogs":[{"logRecords":[%s]}]}]}`, service(i), records))
		})
		s.user(50*time.Millisecond, func(i int) error {
			now := time.Now().UnixNano()
			spans := each(50, func(j int) string {
				return fmt.Sprintf(`{"traceId":"%032x","spanId":"%016x","name":"GET /","kind":2,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":%s}`, i+1, j+1, now-1e6, now, labels(j))
			})
			return s.ask(http.MethodPost, base+"traces", asJSON, fmt.Sprintf(`{"resourceSpans":[{%s,"scopeSpans":[{"spans":[%s]}]}]}`, service(i), spans))
		})
	}
	s.reader(2*time.Second, "http://127.0.0.1", ":17781/metrics", ":17783/metrics", ":17779/", ":17782/api/v1/query?query=heapgate_target_up", ":17782/api/v1/query?query=sum(rate(go_memory_allocated_bytes_total[1m]))")
}
