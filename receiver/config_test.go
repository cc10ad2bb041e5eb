// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"strings"
	"testing"

	"go.opentelemetry.io/collector/confmap"
	"gopkg.in/yaml.v3"
)

func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	var raw map[string]any
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	cfg := createDefaultConfig()
	if err := confmap.NewFromStringMap(raw).Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestConfigIsRefusedWithWhatWouldBeRight(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing to hear", `{}`, "targets, discovery or gctrace must name at least one thing to hear (got none)"},
		{"typo", `{colection_interval: 1s}`, "colection_interval"},
		{"interval", `{collection_interval: 1ms, targets: [{url: "http://a:1", workload: {name: x}}]}`, "collection_interval must be at least 100ms (got 1ms)"},
		{"timeout", `{http: {timeout: 0s}, targets: [{url: "http://a:1", workload: {name: x}}]}`, "http::timeout must be a positive duration (got 0s)"},
		{"scheme", `{targets: [{url: "ftp://a:1", workload: {name: x}}]}`, `targets[0]: url must be http://host:port or https://host:port (got "ftp://a:1")`},
		{"password stays secret", `{targets: [{url: "ftp://u:hunter2@a:1", workload: {name: x}}]}`, `u:xxxxx@a:1`},
		{"query", `{targets: [{url: "http://a:1/?gc=1", workload: {name: x}}]}`, "neither query nor fragment"},
		{"no workload", `{targets: [{url: "http://a:1"}]}`, "targets[0]: workload::name must be set"},
		{"twice", `{targets: [{url: "http://a:1", workload: {name: x}}, {url: "http://a:1/", workload: {name: y}}]}`, `targets[1] is the same as targets[0]: "a:1"`},
		{"lying label", `{targets: [{url: "http://a:1", workload: {name: x}, labels: {service.name: y}}]}`, `labels must not set "service.name"`},
		{"limit of the wrong unit", `{targets: [{url: "http://a:1", workload: {name: x}, memory_limit: 512Mi}]}`, `like 512MiB (got "512Mi")`},
		{"container's limit of the wrong unit", `{targets: [{url: "http://a:1", workload: {name: x}, container_memory_limit: 640M}]}`, `like 512MiB (got "640M")`},
		{"glob", `{gctrace: {files: ["[a"]}}`, `gctrace::files must be globs`},
		{"too many", `{limits: {targets: 1}, targets: [{url: "http://a:1", workload: {name: x}}, {url: "http://b:1", workload: {name: x}}]}`, "at most limits::targets, 1 (got 2)"},
		{"sites", `{sites: {top: 0}, targets: [{url: "http://a:1", workload: {name: x}}]}`, "sites::top must be from 1 to 1000 (got 0)"},
		{"nothing discovered to relabel", `{targets: [{url: "http://a:1", workload: {name: x}}], discovery: {gctrace: {pod_logs: true}}}`, "discovery::kubernetes_sd_configs must find something"},
		{"role without pods", `{discovery: {kubernetes_sd_configs: [{role: node}]}}`, `discovery::kubernetes_sd_configs[0]: role must be one of [pod endpointslice endpoints], whose targets are pods (got "node")`},
		{"no role", `{discovery: {kubernetes_sd_configs: [{}]}}`, "discovery::kubernetes_sd_configs[0]: role missing (one of: pod, service"},
		{"unknown key of Prometheus", `{discovery: {kubernetes_sd_configs: [{role: pod}, {role: pod, namespace: {names: [x]}}]}}`, "discovery::kubernetes_sd_configs[1]: yaml: unmarshal errors"},
		{"bad selector", `{discovery: {kubernetes_sd_configs: [{role: pod, selectors: [{role: service, label: x}]}]}}`, "pod role supports only pod, node selectors"},
		{"unknown action", `{discovery: {kubernetes_sd_configs: [{role: pod}], relabel_configs: [{action: keepp}]}}`, `discovery::relabel_configs[0]: unknown relabel action "keepp"`},
		{"relabel without target", `{discovery: {kubernetes_sd_configs: [{role: pod}], relabel_configs: [{action: replace}]}}`, "requires 'target_label'"},
		{"typo in relabel", `{discovery: {kubernetes_sd_configs: [{role: pod}], relabel_configs: [{source_label: [a], target_label: b}]}}`, "field source_label not found"},
		{"relative logs", `{discovery: {kubernetes_sd_configs: [{role: pod}], gctrace: {pod_logs: var/log}}}`, "discovery::gctrace::pod_logs must be true, false, api or an absolute path like /var/log/pods (got var/log)"},
		{"limits", `{limits: {body_size: 0B}, targets: [{url: "http://a:1", workload: {name: x}}]}`, "limits::body_size must be positive (got 0)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v; want an error with %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestDiscoveryReadsPrometheusKeys(t *testing.T) {
	cfg, err := load(t, `
cluster: prod-eu
storage: file_storage/offsets
discovery:
  kubernetes_sd_configs:
    - role: pod
      namespaces: {own_namespace: true, names: [shop, pay]}
      selectors: [{role: pod, field: spec.nodeName=node-1, label: "app in (a, b)"}]
      attach_metadata: {node: true, namespace: true, deployment: true, cronjob: true, job: true}
    - {role: endpointslice, api_server: "https://10.0.0.1", tls_config: {ca_file: /ca, insecure_skip_verify: false}, bearer_token_file: /token}
  relabel_configs:
    - {source_labels: [__meta_kubernetes_pod_label_team], target_label: team.name, regex: true}
  gctrace: {pod_logs: true}
`)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := cfg.Discovery.parse()
	if err != nil {
		t.Fatal(err)
	}
	first := rules.sd[0]
	if !first.AttachMetadata.Node || !first.AttachMetadata.Namespace || !first.AttachMetadata.Deployment || !first.AttachMetadata.CronJob || !first.AttachMetadata.Job ||
		len(first.NamespaceDiscovery.Names) != 2 || !first.NamespaceDiscovery.IncludeOwnNamespace || first.Selectors[0].Field != "spec.nodeName=node-1" {
		t.Errorf("read as %+v", first)
	}
	if rules.sd[1].APIServer.Host != "10.0.0.1" || rules.sd[1].HTTPClientConfig.TLSConfig.CAFile != "/ca" {
		t.Errorf("read as %+v", rules.sd[1])
	}
	if rules.standard || len(rules.relabel) != 1 || rules.relabel[0].Regex.String() != "true" || rules.logs != "/var/log/pods" {
		t.Errorf("read as %+v", rules)
	}
	cfg.Discovery.RelabelConfigs = nil
	if rules, err = cfg.Discovery.parse(); err != nil || !rules.standard || len(rules.relabel) < 5 {
		t.Errorf("without relabel_configs the default has %d rules (%v)", len(rules.relabel), err)
	}
}

func TestEveryMistakeIsToldAtOnce(t *testing.T) {
	_, err := load(t, `{collection_interval: 1ms, sites: {top: 0}, targets: [{url: "nonsense"}]}`)
	for _, want := range []string{"collection_interval", "sites::top", "url must be", "workload::name"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want it to tell of %s too", err, want)
		}
	}
}

func TestIdentityIsHostAndPathWithoutCredentials(t *testing.T) {
	for url, want := range map[string]string{
		"http://u:p@10.1.2.3:6060": "10.1.2.3:6060", "http://a:1/": "a:1", "https://a/team/pprof": "a/team/pprof",
	} {
		if got := (&TargetConfig{URL: url}).identity(); got != want {
			t.Errorf("identity of %s is %q; want %q", url, got, want)
		}
	}
}

func TestClusterIsThatOfTargetsThatSayNoOther(t *testing.T) {
	cfg, err := load(t, `{cluster: prod-eu, targets: [{url: "http://a:1", workload: {name: x}}, {url: "http://b:1", workload: {name: x, cluster: mine}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if specs := cfg.specs(); specs[0].Workload.Cluster != "prod-eu" || specs[1].Workload.Cluster != "mine" || cfg.Targets[0].Workload.Cluster != "" {
		t.Errorf("the clusters are %q and %q", specs[0].Workload.Cluster, specs[1].Workload.Cluster)
	}
}
