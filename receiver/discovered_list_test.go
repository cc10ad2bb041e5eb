// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/targetgroup"
)

// listed reads targets as a list has them: name=value pairs, of which one is __address__. @x is __heapgate_x, and %x is
// __meta_x.
func listed(targets ...string) found {
	group := &targetgroup.Group{Source: "0"}
	for _, text := range targets {
		set := model.LabelSet{}
		for _, pair := range strings.Fields(text) {
			name, value, _ := strings.Cut(pair, "=")
			name = strings.Replace(strings.Replace(name, "@", "__heapgate_", 1), "%", "__meta_", 1)
			set[model.LabelName(name)] = model.LabelValue(value)
		}
		group.Targets = append(group.Targets, set)
	}
	return found{groups: []*targetgroup.Group{group}}
}

// say writes what came of a list: id url workload, and reasons of refusal.
func say(t *testing.T, f found, relabel ...map[string]any) (got, refused string) {
	t.Helper()
	rules, err := (&DiscoveryConfig{RelabelConfigs: relabel, AllowNetworks: []string{"127.9.0.0/16"}}).parse()
	if err != nil {
		t.Fatal(err)
	}
	specs, refusals := (&translator{rules: rules, cluster: "prod-eu"}).targets(f)
	for _, s := range specs {
		got += strings.TrimSpace(fmt.Sprintf(" %s %s %s/%s", s.ID, s.URL, s.Workload.Kind, s.Workload.Name)) + "\n"
	}
	for _, r := range refusals {
		refused += " " + r.reason
	}
	return strings.TrimSpace(got), strings.TrimSpace(refused)
}

const api = " @workload_name=api"

func TestWhatAListSays(t *testing.T) {
	for name, c := range map[string]struct {
		found
		want, refused string
	}{
		"address":             {listed("__address__=10.1.2.3:6060" + api), "10.1.2.3:6060 http://10.1.2.3:6060/debug/pprof /api", ""},
		"name":                {listed("__address__=api.shop:6060" + api), "api.shop:6060 http://api.shop:6060/debug/pprof /api", ""},
		"IPv6":                {listed("__address__=[2001:db8::1]:6060" + api), "[2001:db8::1]:6060 http://[2001:db8::1]:6060/debug/pprof /api", ""},
		"IPv6 in another way": {listed("__address__=[2001:DB8:0::1]:6060" + api), "[2001:db8::1]:6060 http://[2001:db8::1]:6060/debug/pprof /api", ""},
		"scheme and path":     {listed("__address__=a:1 __scheme__=https __metrics_path__=/p" + api), "a:1/p https://a:1/p /api", ""},
		"id and kind":         {listed("__address__=a:1 @id=mine @workload_kind=Service" + api), "mine http://a:1/debug/pprof Service/api", ""},
		"two of one address":  {listed("__address__=a:1"+api, "__address__=a:1 @id=x"+api), "a:1 http://a:1/debug/pprof /api", "duplicate"},
		"two of one id":       {listed("__address__=a:1 @id=x"+api, "__address__=a:2 @id=x"+api), "x http://a:1/debug/pprof /api", "duplicate"},
		"no workload":         {listed("__address__=a:1"), "", "no_workload"},
		"no port":             {listed("__address__=a" + api), "", "port"},
		"no address":          {listed("team=x" + api), "", "address"},
		"port zero":           {listed("__address__=a:0" + api), "", "port"},
		"file":                {listed("__address__=a:1 __scheme__=file" + api), "", "scheme"},
		"path with query":     {listed("__address__=a:1 __metrics_path__=/x?gc=1" + api), "", "path"},
		"another loopback":    {listed("__address__=127.8.0.1:80" + api), "", "denied"},
		"allowed loopback":    {listed("__address__=127.9.0.1:80" + api), "127.9.0.1:80 http://127.9.0.1:80/debug/pprof /api", ""},
		"metadata service":    {listed("__address__=169.254.169.254:80" + api), "", "denied"},
		"mapped":              {listed("__address__=[::ffff:169.254.169.254]:80" + api), "", "denied"},
		"NAT64":               {listed("__address__=[64:ff9b::a9fe:a9fe]:80" + api), "", "denied"},
		"decimal":             {listed("__address__=2852039166:80" + api), "", "denied"},
		"octal":               {listed("__address__=0251.0376.0251.0376:80" + api), "", "denied"},
		"hex":                 {listed("__address__=0xa9fea9fe:80" + api), "", "denied"},
		"short":               {listed("__address__=127.1:80" + api), "", "denied"},
		"localhost":           {listed("__address__=localhost:80" + api), "", "denied"},
		"user info":           {listed("__address__=u@a:80" + api), "", "denied"},
		"a path as host":      {listed("__address__=a/b:80" + api), "", "denied"},
	} {
		got, refused := say(t, c.found)
		if got != c.want || refused != c.refused {
			t.Errorf("%s: got %q, refused %q; want %q, refused %q", name, got, refused, c.want, c.refused)
		}
	}
}

// The operator's own addresses are visited wherever they lead.
func TestStaticConfigsAreTheOperatorsWord(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:6060": "127.0.0.1:6060 http://127.0.0.1:6060/debug/pprof /api", "localhost:1": "localhost:1 http://localhost:1/debug/pprof /api",
		"169.254.169.254:80": "169.254.169.254:80 http://169.254.169.254:80/debug/pprof /api", ":80": "", "a b:80": "", "u@a:80": "", "a/b:80": "", "a?b:80": "",
	} {
		f := listed("__address__=" + strings.ReplaceAll(address, " ", "\u00a0") + api)
		f.trusted = true
		f.groups[0].Targets[0][model.AddressLabel] = model.LabelValue(address)
		got, refused := say(t, f)
		if got != want || (want == "") != (refused == "address") {
			t.Errorf("%s: got %q, refused %q; want %q", address, got, refused, want)
		}
	}
	f := listed("__address__=a:1" + api)
	f.trusted = true
	if got, _ := say(t, f, rule("__address__", "127.0.0.1:7")); got != "127.0.0.1:7 http://127.0.0.1:7/debug/pprof /api" {
		t.Errorf("the operator's rule is not followed: %q", got)
	}
}

const (
	ec2   = "__address__=10.0.0.7:80 %ec2_instance_id=i-07 %ec2_private_ip=10.0.0.7 %ec2_public_ip=203.0.113.7 %ec2_ipv6_addresses=,2001:db8::7, %ec2_private_dns_name=ip-10-0-0-7.internal %ec2_region=eu-west-1 %ec2_availability_zone=eu-west-1b %ec2_owner_id=123456789012 %ec2_instance_state=running %ec2_tag_heapgate_scrape=true %ec2_tag_Name=shop-7"
	gce   = "__address__=10.0.0.8:80 %gce_instance_id=8 %gce_private_ip=10.0.0.8 %gce_interface_ipv4_nic1=10.9.0.8 %gce_project=shop %gce_zone=https://www.googleapis.com/compute/v1/projects/shop/zones/europe-west1-b %gce_instance_status=RUNNING %gce_instance_name=shop-8 %gce_metadata_heapgate_scrape=true"
	azure = "__address__=10.0.0.9:80 %azure_machine_id=/subscriptions/s/vm-9 %azure_subscription_id=s %azure_machine_private_ip=10.0.0.9 %azure_machine_location=westeurope %azure_machine_name=shop-9 %azure_machine_tag_heapgate_scrape=true"
)

func TestMachinesOfACloud(t *testing.T) {
	for name, c := range map[string]struct {
		found
		want, refused string
	}{
		"EC2 by name":             {listed(ec2), "i-07:80 http://10.0.0.7:80/debug/pprof Instance/shop-7", ""},
		"EC2 by group":            {listed(ec2 + " %ec2_tag_aws_autoscaling_groupName=shop"), "i-07:80 http://10.0.0.7:80/debug/pprof AutoScalingGroup/shop", ""},
		"EC2 by tag":              {listed(ec2 + " %ec2_tag_heapgate_workload=api %ec2_tag_heapgate_port=6060 %ec2_tag_heapgate_path=/p"), "i-07:6060 http://10.0.0.7:6060/p Instance/api", ""},
		"EC2 stopped":             {listed(strings.Replace(ec2, "running", "stopped", 1)), "", ""},
		"EC2 that did not ask":    {listed(strings.Replace(ec2, "scrape=true", "scrape=no", 1)), "", ""},
		"EC2 without a name":      {listed(strings.Replace(ec2, "tag_Name=shop-7", "x=y", 1)), "", "no_workload"},
		"a host as port":          {listed(ec2 + " %ec2_tag_heapgate_port=evil.example:80"), "", "address"},
		"brackets as port":        {listed(ec2 + " %ec2_tag_heapgate_port=1]:2"), "", "address"},
		"GCE by name":             {listed(gce), "8:80 http://10.0.0.8:80/debug/pprof Instance/shop-8", ""},
		"GCE by group":            {listed(gce + " %gce_metadata_created_by=projects/1/zones/z/instanceGroupManagers/shop"), "8:80 http://10.0.0.8:80/debug/pprof InstanceGroup/shop", ""},
		"GCE that ends":           {listed(strings.Replace(gce, "RUNNING", "STOPPING", 1)), "", ""},
		"Azure by name":           {listed(azure), "/subscriptions/s/vm-9:80 http://10.0.0.9:80/debug/pprof Instance/shop-9", ""},
		"Azure by scale set":      {listed(azure + " %azure_machine_scale_set=shop %azure_machine_tag_heapgate_port=6060"), "/subscriptions/s/vm-9:6060 http://10.0.0.9:6060/debug/pprof ScaleSet/shop", ""},
		"metadata service as own": {listed(strings.ReplaceAll(ec2, "10.0.0.7", "169.254.169.254")), "", "denied"},
	} {
		got, refused := say(t, c.found)
		if got != c.want || refused != c.refused {
			t.Errorf("%s: got %q, refused %q; want %q, refused %q", name, got, refused, c.want, c.refused)
		}
	}
}

// After relabelling, the host is one that discovery gave of this very machine.
func TestRelabellingCannotLeaveTheMachine(t *testing.T) {
	for address, ok := range map[string]bool{
		"10.0.0.7:1": true, "203.0.113.7:1": true, "[2001:db8::7]:1": true, "ip-10-0-0-7.internal:1": true, "IP-10-0-0-7.internal:1": true,
		"10.0.0.8:1": false, "[2001:db8::8]:1": false, "evil.example:1": false, "[::ffff:10.0.0.7]:1": false, "10.0.0.7.:1": false, "": false, ":1": false,
	} {
		got, refused := say(t, listed(ec2), rule("__address__", address), rule("__heapgate_workload_name", "x"))
		if (got != "") != ok || !ok && refused != "address" {
			t.Errorf("%q: got %q, refused %q", address, got, refused)
		}
	}
	// Relabelling cannot make another address the machine's own.
	got, refused := say(t, listed(ec2), rule("__meta_ec2_private_ip", "10.0.0.8"), rule("__address__", "10.0.0.8:1"), rule("__heapgate_workload_name", "x"))
	if got != "" || refused != "address" {
		t.Errorf("got %q, refused %q", got, refused)
	}
	for address, ok := range map[string]bool{"10.0.0.8:1": true, "10.9.0.8:1": true, "10.9.0.9:1": false} {
		if got, _ := say(t, listed(gce), rule("__address__", address), rule("__heapgate_workload_name", "x")); (got != "") != ok {
			t.Errorf("%s: got %q", address, got)
		}
	}
}

// A pod of a target allocator's list is a pod: its annotations ask, its own IP is visited, once.
func TestPodOfAListIsAPod(t *testing.T) {
	pod := "%kubernetes_namespace=shop %kubernetes_pod_name=api-1 %kubernetes_pod_uid=u-1 %kubernetes_pod_ip=10.1.2.3 %kubernetes_pod_phase=Running %kubernetes_pod_container_name=api %kubernetes_pod_annotation_heapgate_dev_port=6060"
	asks := pod + " %kubernetes_pod_annotation_heapgate_dev_scrape=true"
	for name, c := range map[string]struct {
		found
		want, refused string
	}{
		"once for two ports":        {listed("__address__=10.1.2.3:80 "+asks, "__address__=10.1.2.3:443 "+asks), "shop/api-1/api http://10.1.2.3:6060/debug/pprof Pod/api-1", ""},
		"did not ask":               {listed("__address__=10.1.2.3:6060 " + pod), "", ""},
		"address of an endpoint":    {listed("__address__=10.9.9.9:6060 " + asks), "shop/api-1/api http://10.1.2.3:6060/debug/pprof Pod/api-1", ""},
		"endpoint without a pod":    {listed("__address__=10.9.9.9:6060 %kubernetes_namespace=shop @workload_name=x"), "", ""},
		"two pods of a node's port": {listed("__address__=10.1.2.3:80 "+asks, "__address__=10.1.2.3:80 "+strings.NewReplacer("u-1", "u-2", "api-1", "api-2").Replace(asks)), "shop/api-1/api http://10.1.2.3:6060/debug/pprof Pod/api-1\nshop/api-2/api http://10.1.2.3:6060/debug/pprof Pod/api-2", ""},
	} {
		got, refused := say(t, c.found)
		if got != c.want || refused != c.refused {
			t.Errorf("%s: got %q, refused %q; want %q, refused %q", name, got, refused, c.want, c.refused)
		}
	}
	got, refused := say(t, listed("__address__=10.9.9.9:6060 %kubernetes_namespace=shop"), rule("__heapgate_workload_name", "x"))
	if got != "" || refused != "address" {
		t.Errorf("an endpoint that is no pod is visited: %q, refused %q", got, refused)
	}
}

// cloudOf are the attributes of the first target's resource that say where it runs.
func cloudOf(t *testing.T, f found, relabel ...map[string]any) string {
	t.Helper()
	rules, err := (&DiscoveryConfig{RelabelConfigs: relabel}).parse()
	if err != nil {
		t.Fatal(err)
	}
	specs, refused := (&translator{rules: rules}).targets(f)
	if len(specs) != 1 {
		t.Fatalf("%d targets, refused %v", len(specs), refused)
	}
	attributes := resourceOf(&specs[0]).Attributes().AsRaw()
	var got []string
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if strings.HasPrefix(name, "cloud.") || strings.HasPrefix(name, "host.") {
			got = append(got, fmt.Sprintf("%s=%v", name, attributes[name]))
		}
	}
	return strings.Join(got, " ")
}

func TestWhereATargetRuns(t *testing.T) {
	on := func(node string) found {
		group := pod("@scrape=true @port=6060 "+node, one)
		return found{groups: []*targetgroup.Group{group}, watched: true}
	}
	for name, c := range map[string]struct {
		found
		want string
	}{
		"EC2":           {listed(ec2), "cloud.account.id=123456789012 cloud.availability_zone=eu-west-1b cloud.provider=aws cloud.region=eu-west-1 host.id=i-07 host.name=ip-10-0-0-7.internal"},
		"GCE":           {listed(gce), "cloud.account.id=shop cloud.availability_zone=europe-west1-b cloud.provider=gcp cloud.region=europe-west1 host.id=8 host.name=shop-8"},
		"Azure":         {listed(azure), "cloud.account.id=s cloud.provider=azure cloud.region=westeurope host.id=/subscriptions/s/vm-9 host.name=shop-9"},
		"static":        {listed("__address__=a:1" + api), ""},
		"label":         {listed("__address__=a:1 cloud.region=mine" + api), "cloud.region=mine"},
		"unknown node":  {on(""), ""},
		"EKS":           {on("node_provider_id=aws:///eu-west-1b/i-07 node_label_topology_kubernetes_io_region=eu-west-1 node_label_topology_kubernetes_io_zone=eu-west-1b node_label_kubernetes_io_hostname=ip-10-0-0-7"), "cloud.availability_zone=eu-west-1b cloud.provider=aws cloud.region=eu-west-1 host.name=ip-10-0-0-7"},
		"local zone":    {on("node_provider_id=aws:///us-west-2-lax-1a/i-07 node_label_topology_kubernetes_io_region=us-west-2"), "cloud.availability_zone=us-west-2-lax-1a cloud.provider=aws cloud.region=us-west-2"},
		"AKS":           {on("node_provider_id=azure:///subscriptions/s/x node_label_topology_kubernetes_io_region=westeurope node_label_topology_kubernetes_io_zone=westeurope-1"), "cloud.account.id=s cloud.availability_zone=westeurope-1 cloud.provider=azure cloud.region=westeurope"},
		"AKS no zones":  {on("node_provider_id=azure:///subscriptions/s/x node_label_topology_kubernetes_io_region=westeurope node_label_topology_kubernetes_io_zone=0"), "cloud.account.id=s cloud.provider=azure cloud.region=westeurope"},
		"kind":          {on("node_provider_id=kind://docker/kind/kind-worker node_label_kubernetes_io_hostname=kind-worker"), "host.name=kind-worker"},
		"GKE of a list": {on("node_label_cloud_google_com_gke_nodepool=pool-1 node_label_topology_kubernetes_io_region=europe-west1"), "cloud.provider=gcp cloud.region=europe-west1"},
		"EKS elsewhere": {on("node_provider_id=eks-hybrid:///eu-west-1/prod/mi-0 node_label_eks_amazonaws_com_nodegroup=x"), ""},
		"own place":     {on("node_label_topology_kubernetes_io_region=cellar node_label_topology_kubernetes_io_zone=rack-7"), "cloud.availability_zone=rack-7 cloud.region=cellar"},
	} {
		if got := cloudOf(t, c.found); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, c.want)
		}
	}
	got := cloudOf(t, listed(ec2), rule("cloud.region", "mine"), rule("__heapgate_workload_name", "x"))
	if !strings.Contains(got, "cloud.region=mine") || !strings.Contains(got, "cloud.provider=aws") {
		t.Errorf("relabelling has the first word: %s", got)
	}
}
