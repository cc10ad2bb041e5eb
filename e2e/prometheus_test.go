// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heapgate/heapgate/e2e/box"
)

// TestPrometheus is the gate on the store that most have. The collector's signals go to Prometheus itself in each of the ways that
// README.md names: from each of them the gate passes the good process and names the function of the bad one, and each evaluates the
// shipped rules. It needs no cluster.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, way := range []string{"scrape", "remote write", "otlp"} {
		b.stores = append(b.stores, b.startPrometheus(way))
	}
	good, bad := b.openShop("good", 50), b.openShop("bad", 300)
	b.startCollector(good, bad)

	// The bad one first: what proves its growth is more than enough to pass the good one.
	for _, s := range b.stores {
		box.Wait(t, "the gate fails the bad process by "+s.way, 2*time.Minute, func() (bool, string) {
			code, said := b.gate(s, "bad")
			return code == 10 && strings.Contains(said, "main.(*OrderCache).Insert"), fmt.Sprintf("exit code %d\n%s", code, said)
		})
	}
	for _, s := range b.stores {
		box.Wait(t, "the gate passes the good process by "+s.way, time.Minute, func() (bool, string) {
			code, said := b.gate(s, "good")
			if code == 10 || code > 20 { // Inconclusive is a machine that was too busy to be visited on time.
				t.Fatalf("%s: exit code %d\n%s", s.way, code, said)
			}
			return code == 0 && strings.Contains(said, good.pprof), fmt.Sprintf("exit code %d\n%s", code, said)
		})
		box.Wait(t, "the rules are evaluated by "+s.way, time.Minute, func() (bool, string) { return s.rulesAreHealthy(t) })
		if n := s.count(t, `{__name__=~"workload:heapgate_.+",heapgate_workload_name="shop"}`); n < 10 {
			t.Errorf("%s: the recording rules made %d series of the shop", s.way, n)
		}
	}
}

// TestPrometheusVersion: the store of this test is the one whose parts are embedded in the collector.
func TestPrometheusVersion(t *testing.T) {
	var versions []string
	for _, file := range []string{"../go.mod", "../tools/go.mod"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(text), "github.com/prometheus/prometheus v")
		version, _, _ := strings.Cut(after, "\n")
		versions = append(versions, strings.TrimSuffix(version, " // indirect"))
	}
	if versions[0] == "" || versions[0] != versions[1] {
		t.Errorf("go.mod and tools/go.mod must name one version of Prometheus (got %q)", versions)
	}
}

// bench is what runs on loopback for this test.
type bench struct {
	*testing.T
	box.Artifacts
	dir     string
	stores  []*prometheus
	scraped string // where the collector shows its signals
}

type prometheus struct{ way, address string }

// shopProcess is one version of the example service with load on it.
type shopProcess struct{ version, pprof, stderr string }

func newBench(t *testing.T) *bench {
	return &bench{T: t, Artifacts: box.Beside(t), dir: t.TempDir()}
}

func (b *bench) file(name, text string) string {
	b.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// start a program until the end of the test; it returns the file with its stderr.
func (b *bench) start(name string, env []string, path string, args ...string) string {
	b.Helper()
	stderr := b.file(strings.ReplaceAll(name, " ", "-")+".stderr.log", "")
	log, err := os.OpenFile(stderr, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	command := exec.Command(path, args...)
	command.Env, command.Stderr = append(os.Environ(), env...), log
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if b.Failed() {
			text, _ := os.ReadFile(stderr)
			b.Logf("the end of what %s said:\n%s", name, text[max(0, len(text)-2000):])
		}
	})
	return stderr
}

// address on loopback that nobody listens on at the moment.
func (b *bench) address() string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (b *bench) ready(what, address string) {
	b.Helper()
	box.Wait(b, what+" answers", time.Minute, func() (bool, string) {
		answer, err := http.Get("http://" + address)
		if err != nil {
			return false, err.Error()
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK, answer.Status
	})
}

// openShop has the heap sampled eight times as finely as usual: growth is then proven in seconds.
func (b *bench) openShop(version string, rate int) shopProcess {
	b.Helper()
	address, s := b.address(), shopProcess{version: version, pprof: b.address()}
	s.stderr = b.start("shop "+version, []string{"GODEBUG=gctrace=1,memprofilerate=65536"}, b.Programs["shop"], "--version", version, "--addr", address, "--pprof", s.pprof)
	b.ready("shop "+version, address+"/healthz")
	b.start("load on "+version, nil, b.Programs["load"], "--url", "http://"+address, "--rate", fmt.Sprint(rate), "--duration", "0")
	return s
}

// gate judges one version by one store, and returns exit code and text.
func (b *bench) gate(s *prometheus, version string) (int, string) {
	b.Helper()
	// A pause is mostly waiting for a processor on a machine that also compiles; that is not what this is about.
	limits := b.file("limits.yaml", "limits: {gc_pause_p99_seconds: 60}\n")
	text, err := exec.Command(b.Programs["heapgate"], "gate", "--store", "http://"+s.address, "--workload", "e2e/shop/Deployment/shop",
		"--version", version, "--baseline", "none", "--window", "20s", "--step", "2s", "--limits", limits).CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		b.Fatal(err)
	}
	if ended != nil {
		return ended.ExitCode(), string(text)
	}
	return 0, string(text)
}

// rulesAreHealthy tells whether every rule was evaluated without an error.
func (p *prometheus) rulesAreHealthy(t *testing.T) (bool, string) {
	t.Helper()
	var answer struct {
		Data struct {
			Groups []struct {
				Name  string
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	p.ask(t, "/api/v1/rules", nil, &answer)
	if len(answer.Data.Groups) < 7 {
		t.Fatalf("%s: %d groups of rules", p.way, len(answer.Data.Groups))
	}
	var ill []string
	for _, group := range answer.Data.Groups {
		for _, rule := range group.Rules {
			if rule.LastError != "" {
				t.Fatalf("%s: rule %s of group %s: %s", p.way, rule.Name, group.Name, rule.LastError)
			}
			if rule.Health != "ok" {
				ill = append(ill, rule.Name+" is "+rule.Health)
			}
		}
	}
	return len(ill) == 0, strings.Join(ill, ", ")
}

func (p *prometheus) count(t *testing.T, selector string) int {
	t.Helper()
	var answer struct{ Data struct{ Result []any } }
	p.ask(t, "/api/v1/query", url.Values{"query": {selector}}, &answer)
	return len(answer.Data.Result)
}

func (p *prometheus) ask(t *testing.T, path string, form url.Values, into any) {
	t.Helper()
	answer, err := http.Get("http://" + p.address + path + "?" + form.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v\n%s", path, answer.Status, err, text)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// Several senders of one exporter overtake each other, which Prometheus forgives only within a window of its own.
const prometheusConfig = `global: {scrape_interval: 1s, evaluation_interval: 2s}
storage: {tsdb: {out_of_order_time_window: 5m}}
otlp: {promote_all_resource_attributes: true}
rule_files: [%q, %q]
`

// The collector's labels say which process a series is of; without honor_labels Prometheus would name its own target, the collector.
const prometheusScrape = `scrape_configs:
  - job_name: heapgate
    honor_labels: true
    static_configs: [{targets: [%q]}]
`

// startPrometheus with the shipped rules. Those that are recorded once a minute are recorded sooner here.
func (b *bench) startPrometheus(way string) *prometheus {
	b.Helper()
	alerts, err := filepath.Abs("../deploy/rules/heapgate.rules.yaml")
	if err != nil {
		b.Fatal(err)
	}
	recording, err := os.ReadFile("../deploy/rules/recording/heapgate-recording.rules.yaml")
	if err != nil {
		b.Fatal(err)
	}
	config := fmt.Sprintf(prometheusConfig, alerts, b.file("recording.rules.yaml", strings.ReplaceAll(string(recording), "interval: 1m", "interval: 2s")))
	if way == "scrape" {
		b.scraped = b.address()
		config += fmt.Sprintf(prometheusScrape, b.scraped)
	}
	p := &prometheus{way: way, address: b.address()}
	b.start("Prometheus by "+way, []string{"GOMAXPROCS=1"}, b.Prometheus, "--config.file="+b.file(way+".yaml", config), "--storage.tsdb.path="+filepath.Join(b.dir, way),
		"--web.listen-address="+p.address, "--web.enable-remote-write-receiver", "--web.enable-otlp-receiver")
	b.ready("Prometheus by "+way, p.address+"/-/ready")
	return p
}

const collectorTarget = `
      - url: http://%s
        workload: {cluster: e2e, namespace: shop, kind: Deployment, name: shop, container: shop, version: %s}
        memory_limit: 512MiB
        gctrace: {files: [%q]}`

const collectorConfig = `receivers:
  go_runtime:
    collection_interval: 1s
    cost: {max_cpu_share: 0.5}
    targets:%s
processors:
  go_signals: {window: 20s}
exporters:
  prometheus: {endpoint: %q, resource_to_telemetry_conversion: {enabled: true}}
  prometheusremotewrite: {endpoint: "http://%s/api/v1/write", resource_to_telemetry_conversion: {enabled: true}}
  otlp_http: {metrics_endpoint: "http://%s/api/v1/otlp/v1/metrics"}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [go_runtime], processors: [go_signals], exporters: [prometheus, prometheusremotewrite, otlp_http]}
`

func (b *bench) startCollector(shops ...shopProcess) {
	b.Helper()
	targets := ""
	for _, s := range shops {
		targets += fmt.Sprintf(collectorTarget, s.pprof, s.version, s.stderr)
	}
	config := fmt.Sprintf(collectorConfig, targets, b.scraped, b.stores[1].address, b.stores[2].address)
	b.start("collector", nil, b.Programs["heapgate-collector"], "--config", b.file("collector.yaml", config))
}
