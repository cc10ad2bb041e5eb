// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// program is one to build, to use and to ask.
type program struct {
	name, module, pkg string            // no module: this one; no package: -kube has it
	files             map[string]string // written into its working folder
	args              []string
	base              string   // of its pprof pages
	prepare           string   // a shell command that is run in its working folder first
	beside            []string // a command that runs next to it
	used              time.Duration
	load              func(*session)
}

var programs = []program{
	{
		// 30 targets are scraped every two seconds, rules are evaluated, dashboards ask.
		name: "prometheus", module: "github.com/prometheus/prometheus@v0.314.0", pkg: "github.com/prometheus/prometheus/cmd/prometheus",
		files: map[string]string{"prometheus.yml": prometheusConfig(), "rules.yml": prometheusRules},
		args:  []string{"--web.listen-address=127.0.0.1:19090", "--storage.tsdb.path=data", "--config.file=prometheus.yml", "--web.enable-remote-write-receiver"},
		base:  "http://127.0.0.1:19090/debug/pprof",
		used:  time.Minute,
		load:  usePrometheus,
	},
	{
		// A site with TLS: static files, compressed, listed and made from templates; a proxy to two servers; an access log; metrics.
		name: "caddy", module: "github.com/caddyserver/caddy/v2@v2.11.9", pkg: "github.com/caddyserver/caddy/v2/cmd/caddy",
		files: map[string]string{
			"Caddyfile": caddyConfig, "site/index.html": strings.Repeat("<p>Some words of a page.</p>\n", 400),
			"site/made.html": `<p>{{now | date "2006-01-02"}} {{.RemoteIP}} {{range $i := splitList "," "a,b,c"}}{{$i | upper}}{{end}}</p>`,
		},
		args: []string{"run", "--config", "Caddyfile"},
		base: "http://127.0.0.1:12019/debug/pprof",
		used: 20 * time.Second,
		load: func(s *session) {
			for range 4 {
				s.reader(5*time.Millisecond, "https://localhost:12443", "/", "/index.html", "/made.html", "/list/", "/api/one?a=b", "/api/two", "/none", "/moved")
			}
			s.user(5*time.Millisecond, func(i int) error {
				return s.ask(http.MethodPost, "https://localhost:12443/api/form", "application/x-www-form-urlencoded", strings.Repeat("a=b&", i%500))
			})
			s.reader(10*time.Millisecond, "http://127.0.0.1:12080", "/", "/api/one")
			s.reader(5*time.Second, "http://127.0.0.1:12019", "/metrics", "/config/", "/reverse_proxy/upstreams")
		},
	},
	{
		// Keys are put, read one by one and by prefix, deleted, changed in transactions, watched; leases; compaction; metrics. All
		// of it through the JSON gateway, which asks the server by gRPC as any client does.
		name: "etcd", module: "go.etcd.io/etcd/server/v3@v3.6.5", pkg: "go.etcd.io/etcd/server/v3",
		args: []string{"--enable-pprof", "--listen-client-urls=http://127.0.0.1:12379", "--advertise-client-urls=http://127.0.0.1:12379", "--listen-peer-urls=http://127.0.0.1:12380"},
		base: "http://127.0.0.1:12379/debug/pprof",
		used: 15 * time.Second,
		load: useEtcd,
	},
	{
		// An editor opens a package of this module, goes through its files and asks what editors ask.
		name: "gopls", module: "golang.org/x/tools/gopls@v0.21.0", pkg: "golang.org/x/tools/gopls",
		args: []string{"serve", "-listen=127.0.0.1:14389", "-debug=127.0.0.1:16060"},
		base: "http://127.0.0.1:16060/debug/pprof",
		used: 15 * time.Second,
		load: useGopls,
	},
	{
		// A small cluster's worth of objects, of custom resources too: made, changed, listed, watched; leases as kubelets renew them.
		name:    "kube-apiserver",
		prepare: "rm -rf data && openssl genrsa -out sa.key 2048 && echo 'corpus,corpus,1,system:masters' > tokens.csv",
		beside:  []string{"etcd", "--data-dir=data", "--listen-client-urls=http://127.0.0.1:22379", "--advertise-client-urls=http://127.0.0.1:22379", "--listen-peer-urls=http://127.0.0.1:22380"},
		args: []string{"--etcd-servers=http://127.0.0.1:22379", "--secure-port=16443", "--bind-address=127.0.0.1", "--cert-dir=certs", "--service-cluster-ip-range=10.97.0.0/16",
			"--service-account-issuer=https://corpus", "--service-account-key-file=sa.key", "--service-account-signing-key-file=sa.key", "--authorization-mode=AlwaysAllow", "--token-auth-file=tokens.csv"},
		base: "https://127.0.0.1:16443/debug/pprof",
		used: 20 * time.Second,
		load: useKube,
	},
	{
		// An OpenTelemetry Collector: it hears itself and this command as 20 targets, is sent metrics by OTLP, changes and filters
		// them, and is scraped.
		name: "otelcol", pkg: "./distro",
		files: map[string]string{"config.yaml": collectorConfig()},
		args:  []string{"--config=config.yaml"},
		base:  "http://127.0.0.1:17777/debug/pprof",
		used:  20 * time.Second,
		load:  useCollector,
	},
}

func prometheusConfig() string {
	var targets []string
	for i := range 30 {
		targets = append(targets, fmt.Sprintf("node-%d:9100", i))
	}
	return fmt.Sprintf(`global: {scrape_interval: 2s, evaluation_interval: 5s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: self
    static_configs: [{targets: ['127.0.0.1:19090']}]
  - job_name: nodes
    static_configs: [{targets: [%s], labels: {zone: a}}]
    relabel_configs:
      - {source_labels: [__address__], target_label: instance}
      - {target_label: __address__, replacement: '127.0.0.1:19090'}
    metric_relabel_configs:
      - {source_labels: [__name__], regex: 'go_gc_.*', action: drop}
`, strings.Join(targets, ", "))
}

const prometheusRules = `groups:
  - name: nodes
    rules:
      - {record: 'job:http:rate1m', expr: 'sum by (job, handler) (rate(prometheus_http_requests_total[1m]))'}
      - {record: 'job:latency:p99', expr: 'histogram_quantile(0.99, sum by (job, le) (rate(prometheus_http_request_duration_seconds_bucket[1m])))'}
      - {alert: Down, expr: 'up == 0', for: 1m, annotations: {summary: '{{ $labels.instance }} is down'}}
      - {alert: Busy, expr: 'rate(process_cpu_seconds_total[1m]) > 0.01', labels: {severity: info}, annotations: {summary: '{{ $labels.instance }}: {{ $value | humanize }}'}}
`

func usePrometheus(s *session) {
	const base = "http://127.0.0.1:19090"
	s.reader(200*time.Millisecond, base+"/api/v1", "/query?query=up", "/query?query=topk(5,rate(prometheus_http_requests_total[1m]))", "/labels", "/label/__name__/values",
		"/series?match[]=up", "/targets", "/rules", "/alerts", "/metadata", "/status/tsdb", "/query?query=count+by+(__name__)({job%3D%22nodes%22})", "/status/config")
	for range 2 {
		s.user(500*time.Millisecond, func(i int) error {
			now := time.Now()
			query := [...]string{"sum+by+(instance)(rate(process_cpu_seconds_total[1m]))", "histogram_quantile(0.9,sum+by+(le)(rate(prometheus_http_request_duration_seconds_bucket[1m])))",
				"job:http:rate1m", "go_memstats_heap_inuse_bytes/on(instance)process_resident_memory_bytes", "max_over_time(scrape_duration_seconds[1m])"}[i%5]
			return s.ask(http.MethodGet, fmt.Sprintf("%s/api/v1/query_range?query=%s&start=%d&end=%d&step=2", base, query, now.Add(-10*time.Minute).Unix(), now.Unix()), "", "")
		})
	}
	s.reader(5*time.Second, base, "/metrics", "/federate?match[]={job%3D%22nodes%22}", "/-/healthy")
}

const caddyConfig = `{
	admin 127.0.0.1:12019
	metrics
	http_port 12080
	https_port 12443
	skip_install_trust
}
https://localhost {
	tls internal
	log {
		output file access.log
	}
	encode zstd gzip
	root * site
	redir /moved /
	handle /api/* {
		reverse_proxy 127.0.0.1:12081 127.0.0.1:12082 {
			lb_policy least_conn
			health_uri /
			health_interval 2s
		}
	}
	handle /list/* {
		uri strip_prefix /list
		file_server browse
	}
	handle {
		templates
		file_server
	}
}
http://127.0.0.1:12080 {
	encode gzip
	respond /api/* "hello"
	file_server {
		root site
	}
}
http://127.0.0.1:12081, http://127.0.0.1:12082 {
	header X-From {http.request.hostport}
	respond "{\"a\":\"{query.a}\"}"
}
`
