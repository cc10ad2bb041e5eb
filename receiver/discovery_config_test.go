// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/discovery/http"
	"go.opentelemetry.io/collector/confmap"
	"gopkg.in/yaml.v3"
)

// discovers reads what stands below discovery.
func discovers(t *testing.T, text string) *DiscoveryConfig {
	t.Helper()
	var raw map[string]any
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	var cfg DiscoveryConfig
	if err := confmap.NewFromStringMap(raw).Unmarshal(&cfg); err != nil {
		t.Fatal(err)
	}
	return &cfg
}

func TestDiscoveryReadsEveryListOfPrometheus(t *testing.T) {
	cfg := discovers(t, `
static_configs:
  - {targets: ["a:1", "b:2"], labels: {__heapgate_workload_name: api, team.name: checkout}}
  - {targets: ["c:3"]}
file_sd_configs: [{files: [/etc/heapgate/*.yaml], refresh_interval: 1m}]
http_sd_configs: [{url: "http://allocator/jobs/go/targets?collector_id=c-0", basic_auth: {username: u, password: p}}]
dns_sd_configs: [{names: [_pprof._tcp.shop.svc.cluster.local]}, {names: [a, b], type: A, port: 6060}]
allow_networks: [127.0.0.0/8, "::1/128"]
`)
	if err := cfg.validate(); err != nil {
		t.Fatal(err)
	}
	rules, err := cfg.parse()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range rules.lists {
		if l.trusted != (l.Name() == "static") {
			t.Errorf("%s: trusted %v", l.name, l.trusted)
		}
		names = append(names, l.name)
	}
	want := "discovery::dns_sd_configs[0] discovery::dns_sd_configs[1] discovery::file_sd_configs[0] discovery::http_sd_configs[0] discovery::static_configs[0] discovery::static_configs[1]"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	sd := rules.lists[3].Config.(*http.SDConfig)
	if time.Duration(sd.RefreshInterval) != time.Minute || sd.HTTPClientConfig.BasicAuth.Username != "u" {
		t.Errorf("read as %+v", sd) // the interval is Prometheus' default
	}
}

func TestDiscoveryIsRefusedWithWhatWouldBeRight(t *testing.T) {
	for text, want := range map[string]string{
		`{ec2_sd_configs: [{region: eu-west-1}]}`:          "discovery::ec2_sd_configs needs the cloud build (builder-config-cloud.yaml)",
		`{gce_sd_configs: [{project: p, zone: z}]}`:        "discovery::gce_sd_configs needs the cloud build (builder-config-cloud.yaml)",
		`{azure_sd_configs: [{subscription_id: s}]}`:       "discovery::azure_sd_configs needs the cloud build (builder-config-cloud.yaml)",
		`{consul_sd_configs: [{server: x}]}`:               "discovery::consul_sd_configs is not known; want one of allow_networks, dns_sd_configs, file_sd_configs, gctrace, http_sd_configs, kubernetes_sd_configs, relabel_configs, static_configs",
		`{static_configs: [{targets: [a:1], label: {}}]}`:  "discovery::static_configs[0]: ",
		`{file_sd_configs: [{files: [x.txt]}]}`:            `discovery::file_sd_configs[0]: path name "x.txt" is not valid for file discovery`,
		`{http_sd_configs: [{url: "http://a"}, {}]}`:       "discovery::http_sd_configs[1]: ",
		`{http_sd_configs: [{url: "ftp://a"}]}`:            "URL scheme must be 'http' or 'https'",
		`{http_sd_configs: [{url: "http://a", urk: 1}]}`:   "field urk not found",
		`{dns_sd_configs: [{names: [x], type: A}]}`:        "a port is required in DNS-SD configs for all record types except SRV",
		`{allow_networks: [10.0.0.0/8]}`:                   "discovery must have static_configs or one of *_sd_configs for relabel_configs and allow_networks",
		`{allow_networks: [10.0.0.1/8], ` + someList + `}`: `discovery::allow_networks[0] must be a prefix like 10.0.0.0/8 without host bits (got "10.0.0.1/8")`,
		`{allow_networks: [127.0.0.1], ` + someList + `}`:  `(got "127.0.0.1")`,
		`{relabel_configs: [{action: keep}]}`:              "discovery must have static_configs or one of *_sd_configs",
	} {
		if err := discovers(t, text).validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
}

const someList = `static_configs: [{targets: ["a:1"]}]`

// An operator's mistake in one list is told beside that in another.
func TestEveryListTellsItsMistake(t *testing.T) {
	err := discovers(t, `{kubernetes_sd_configs: [{role: x}], http_sd_configs: [{}], relabel_configs: [{action: y}]}`).validate()
	for _, want := range []string{"kubernetes_sd_configs[0]", "http_sd_configs[0]", "relabel_configs[0]"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("got %v; want it to tell of %s too", err, want)
		}
	}
}
