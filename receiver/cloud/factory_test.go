// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cloud

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/goleak"
	"gopkg.in/yaml.v3"

	"github.com/heapgate/heapgate/receiver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// load reads a configuration as the collector does.
func load(t *testing.T, text string) (*receiver.Config, error) {
	t.Helper()
	var raw map[string]any
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	cfg := NewFactory().CreateDefaultConfig().(*receiver.Config)
	if err := confmap.NewFromStringMap(raw).Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestTheCloudsAreKnown(t *testing.T) {
	if NewFactory().Type() != receiver.NewFactory().Type() {
		t.Error("another type than the receiver's")
	}
	if _, err := load(t, `
discovery:
  ec2_sd_configs: [{region: eu-west-1, port: 6060, filters: [{name: "tag:team", values: [shop]}]}]
  gce_sd_configs: [{project: shop, zone: europe-west1-b, port: 6060}]
  azure_sd_configs: [{subscription_id: s, authentication_method: ManagedIdentity, port: 6060}]
`); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{
		`{discovery: {gce_sd_configs: [{project: p}]}}`:           "discovery::gce_sd_configs[0]: GCE SD configuration requires a zone",
		`{discovery: {azure_sd_configs: [{}]}}`:                   "discovery::azure_sd_configs[0]: azure SD configuration requires a subscription_id",
		`{discovery: {ec2_sd_configs: [{regoin: x}]}}`:            "discovery::ec2_sd_configs[0]: yaml: unmarshal errors",
		`{discovery: {ec2_sd_configs: {region: x}}}`:              "discovery::ec2_sd_configs must be a list (got map[string]interface {})",
		`{discovery: {lightsail_sd_configs: [{region: x}]}}`:      "want one of allow_networks, azure_sd_configs, dns_sd_configs, ec2_sd_configs, file_sd_configs, gce_sd_configs, gctrace, ",
		`{discovery: {ec2_sd_configs: [{filters: [{name: x}]}]}}`: "filter values cannot be empty",
	} {
		if _, err := load(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
}

// ec2API answers as EC2 does, with one instance.
func ec2API(ip string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch action := r.FormValue("Action"); action {
		case "DescribeAvailabilityZones":
			fmt.Fprint(w, `<DescribeAvailabilityZonesResponse><availabilityZoneInfo><item><zoneName>eu-west-1b</zoneName><zoneId>euw1-az2</zoneId></item></availabilityZoneInfo></DescribeAvailabilityZonesResponse>`)
		case "DescribeInstances":
			fmt.Fprintf(w, `<DescribeInstancesResponse><reservationSet><item><ownerId>123456789012</ownerId><instancesSet><item><instanceId>i-07</instanceId><imageId>ami-1</imageId>
<instanceState><code>16</code><name>running</name></instanceState><privateIpAddress>%s</privateIpAddress><privateDnsName>ip-7.internal</privateDnsName><placement><availabilityZone>eu-west-1b</availabilityZone></placement>
<subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId><networkInterfaceSet/>
<tagSet><item><key>heapgate_scrape</key><value>true</value></item><item><key>Name</key><value>shop-7</value></item></tagSet></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`, ip)
		default:
			http.Error(w, action, http.StatusBadRequest)
		}
	})
}

// An instance is found by AWS' own client and visited, and says in which cloud it runs.
func TestInstanceOfEC2IsHeard(t *testing.T) {
	t.Setenv("AWS_CA_BUNDLE", "")                        // with one, Prometheus' own client does not start
	target := httptest.NewServer(http.NotFoundHandler()) // its answer does not matter here: up is 0, and the resource is the same
	defer target.Close()
	host, port, err := net.SplitHostPort(target.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(ec2API(host))
	defer api.Close()
	cfg, err := load(t, fmt.Sprintf(`
collection_interval: 100ms
discovery:
  ec2_sd_configs: [{endpoint: %q, region: eu-west-1, access_key: x, secret_key: y, port: %s}]
  allow_networks: [127.0.0.0/8]
`, api.URL, port))
	if err != nil {
		t.Fatal(err)
	}
	var sink consumertest.MetricsSink
	r, err := NewFactory().CreateMetrics(t.Context(), receivertest.NewNopSettings(NewFactory().Type()), cfg, &sink)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	}()
	for deadline := time.Now().Add(20 * time.Second); sink.DataPointCount() == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the instance was never visited")
		}
	}
	attributes := sink.AllMetrics()[0].ResourceMetrics().At(0).Resource().Attributes()
	for name, want := range map[string]string{
		"cloud.provider": "aws", "cloud.region": "eu-west-1", "cloud.availability_zone": "eu-west-1b", "cloud.account.id": "123456789012", "host.id": "i-07",
		"heapgate.workload.name": "shop-7", "heapgate.workload.kind": "Instance", "service.instance.id": "i-07:" + port,
	} {
		if got, _ := attributes.Get(name); got.Type() != pcommon.ValueTypeStr || got.Str() != want {
			t.Errorf("%s is %s; want %s", name, got.AsString(), want)
		}
	}
}

// The receiver itself links none of the clouds' libraries.
func TestOnlyTheCloudPackageLinksTheClouds(t *testing.T) {
	for _, c := range []struct {
		pkg  string
		want bool
	}{{"github.com/heapgate/heapgate/receiver", false}, {"github.com/heapgate/heapgate/receiver/cloud", true}} {
		text, err := exec.CommandContext(t.Context(), "go", "list", "-deps", c.pkg).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, library := range []string{"github.com/aws/aws-sdk-go-v2/service/ec2", "google.golang.org/api/compute/v1", "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v5"} {
			if got := strings.Contains(string(text), library+"\n"); got != c.want {
				t.Errorf("%s links %s: %v; want %v", c.pkg, library, got, c.want)
			}
		}
	}
}
