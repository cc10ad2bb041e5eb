// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/targetgroup"
)

const hex = "6b3c7c8c5d4e0d1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091"

// pod writes a group as discovery sends it: labels of the pod, then one line for each container and port.
func pod(labels string, containers ...string) *targetgroup.Group {
	group := &targetgroup.Group{Labels: set("namespace=shop pod_name=api-7d-x pod_uid=u-1 pod_ip=10.1.2.3 pod_phase=Running pod_node_name=n-1 " + labels)}
	for _, c := range containers {
		target := set(c)
		address := "10.1.2.3"
		if port := target["__meta_kubernetes_pod_container_port_number"]; port != "" {
			address += ":" + string(port)
		}
		target[model.AddressLabel] = model.LabelValue(address)
		group.Targets = append(group.Targets, target)
	}
	return group
}

// set reads name=value pairs; names are without __meta_kubernetes_, annotations and labels as a=... and l=...
func set(text string) model.LabelSet {
	labels := model.LabelSet{}
	for _, pair := range strings.Fields(text) {
		name, value, _ := strings.Cut(pair, "=")
		name = strings.Replace(name, "@", "pod_annotation_heapgate_dev_", 1)
		labels[model.LabelName("__meta_kubernetes_"+name)] = model.LabelValue(value)
	}
	return labels
}

func translate(t *testing.T, group *targetgroup.Group, relabel ...map[string]any) (specs []spec, refused []string) {
	t.Helper()
	rules, err := (&DiscoveryConfig{RelabelConfigs: relabel, GCTrace: PodLogsConfig{PodLogs: "/logs"}}).parse()
	if err != nil {
		t.Fatal(err)
	}
	specs, refusals := (&translator{rules: rules, cluster: "prod-eu"}).targets(found{groups: []*targetgroup.Group{group}, watched: true})
	for _, r := range refusals {
		refused = append(refused, r.reason)
	}
	return specs, refused
}

const one = "pod_container_name=api pod_container_image=registry/api:v1"

func TestWhichContainerIsVisitedWhere(t *testing.T) {
	port := func(container, number, name string) string {
		return "pod_container_name=" + container + " pod_container_port_number=" + number + " pod_container_port_name=" + name
	}
	for name, c := range map[string]struct {
		group   *targetgroup.Group
		want    string // id url
		refused string
	}{
		"port by annotation":          {pod("@scrape=true @port=6060", one), "shop/api-7d-x/api http://10.1.2.3:6060/debug/pprof", ""},
		"path by annotation":          {pod("@scrape=true @port=6060 @path=/internal/pprof", one), "shop/api-7d-x/api http://10.1.2.3:6060/internal/pprof", ""},
		"port by name":                {pod("@scrape=true", port("api", "8080", "http"), port("api", "6061", "pprof")), "shop/api-7d-x/api http://10.1.2.3:6061/debug/pprof", ""},
		"two containers named pprof":  {pod("@scrape=true", port("api", "6061", "pprof"), port("worker", "6062", "pprof")), "shop/api-7d-x/api http://10.1.2.3:6061/debug/pprof shop/api-7d-x/worker http://10.1.2.3:6062/debug/pprof", ""},
		"many ports, once":            {pod("@scrape=true @port=8080", port("api", "80", "a"), port("api", "81", "b"), port("api", "82", "c")), "shop/api-7d-x/api http://10.1.2.3:8080/debug/pprof", ""},
		"who declares the port":       {pod("@scrape=true @port=6060", port("proxy", "15090", "x"), port("api", "8080", "http"), port("api", "6060", "debug")), "shop/api-7d-x/api http://10.1.2.3:6060/debug/pprof", ""},
		"who is guarded":              {pod("@scrape=true @port=6060 @container=api", port("proxy", "15090", "x"), one), "shop/api-7d-x/api http://10.1.2.3:6060/debug/pprof", ""},
		"the first":                   {pod("@scrape=true @port=6060", one, port("proxy", "15090", "x")), "shop/api-7d-x/api http://10.1.2.3:6060/debug/pprof", ""},
		"init container":              {pod("@scrape=true @port=6060", "pod_container_name=setup pod_container_init=true", one), "shop/api-7d-x/api http://10.1.2.3:6060/debug/pprof", ""},
		"did not ask":                 {pod("@port=6060", one), "", ""},
		"asked otherwise":             {pod("@scrape=yes @port=6060", one), "", ""},
		"not running":                 {pod("@scrape=true @port=6060 pod_phase=Pending", one), "", ""},
		"no port":                     {pod("@scrape=true", one, port("api", "8080", "http")), "", "no_port"},
		"two ports of one name":       {pod("@scrape=true", port("api", "6061", "pprof"), port("api", "6062", "pprof")), "shop/api-7d-x/api http://10.1.2.3:6061/debug/pprof", "duplicate"},
		"port out of range":           {pod("@scrape=true @port=65536", one), "", "port"},
		"port zero":                   {pod("@scrape=true @port=0", one), "", "port"},
		"port with sign":              {pod("@scrape=true @port=+80", one), "", "port"},
		"port by service name":        {pod("@scrape=true @port=http", one), "", "port"},
		"a host as port":              {pod("@scrape=true @port=evil.example:80", one), "", "address"},
		"user info as port":           {pod("@scrape=true @port=80@evil.example", one), "", "port"},
		"brackets as port":            {pod("@scrape=true @port=1]:2", one), "", "address"},
		"host as path":                {pod("@scrape=true @port=6060 @path=//evil.example/x", one), "", "path"},
		"relative path":               {pod("@scrape=true @port=6060 @path=x", one), "", "path"},
		"query in path":               {pod("@scrape=true @port=6060 @path=/x?gc=1", one), "", "path"},
		"fragment in path":            {pod("@scrape=true @port=6060 @path=/x#y", one), "", "path"},
		"dots in path":                {pod("@scrape=true @port=6060 @path=/x/../admin", one), "", "path"},
		"escapes in path":             {pod("@scrape=true @port=6060 @path=/x%2f..", one), "", "path"},
		"long path":                   {pod("@scrape=true @port=6060 @path=/"+strings.Repeat("x", maxPath), one), "", "path"},
		"pod without IP yet":          {pod("@scrape=true @port=6060 pod_ip=", one), "", "address"},
		"IPv6":                        {pod("@scrape=true @port=6060 pod_ip=fd00::7", one), "shop/api-7d-x/api http://[fd00::7]:6060/debug/pprof", ""},
		"memory limit as GOMEMLIMIT":  {pod("@scrape=true @port=6060 @memory_limit=512MiB", one), "shop/api-7d-x/api http://10.1.2.3:6060/debug/pprof 536870912", ""},
		"memory limit as Kubernetes":  {pod("@scrape=true @port=6060 @memory_limit=512Mi", one), "shop/api-7d-x/api http://10.1.2.3:6060/debug/pprof 536870912", ""},
		"container's memory limit":    {pod("@scrape=true @port=6060 @memory_limit=512Mi @container_memory_limit=1Gi", one), "shop/api-7d-x/api http://10.1.2.3:6060/debug/pprof 536870912 of 1073741824", ""},
		"two limits of nothing":       {pod("@scrape=true @port=6060 @memory_limit=x @container_memory_limit=y", one), "shop/api-7d-x/api http://10.1.2.3:6060/debug/pprof", "memory_limit memory_limit"},
		"tier":                        {pod("@scrape=true @port=6060 @tier=critical", one), "shop/api-7d-x/api http://10.1.2.3:6060/debug/pprof map[heapgate.tier:critical]", ""},
		"memory limit that says zero": {pod("@scrape=true @port=6060 @memory_limit=-1Gi", one), "shop/api-7d-x/api http://10.1.2.3:6060/debug/pprof", "memory_limit"},
	} {
		t.Run(name, func(t *testing.T) {
			specs, refused := translate(t, c.group)
			got := ""
			for _, s := range specs {
				got += " " + s.ID + " " + s.URL
				if s.MemoryLimit != 0 {
					got += fmt.Sprintf(" %d", s.MemoryLimit)
				}
				if s.ContainerMemoryLimit != 0 {
					got += fmt.Sprintf(" of %d", s.ContainerMemoryLimit)
				}
				if len(s.Labels) > 0 {
					got += fmt.Sprint(" ", s.Labels)
				}
			}
			if strings.TrimSpace(got) != c.want || strings.Join(refused, " ") != c.refused {
				t.Errorf("got%s, refused %q\nwant %s, refused %q", got, refused, c.want, c.refused)
			}
		})
	}
}

func TestWorkloadByOwnerReferences(t *testing.T) {
	for name, c := range map[string]struct{ labels, want string }{
		"what discovery looked up":      {"pod_deployment_name=api pod_controller_kind=ReplicaSet pod_controller_name=odd", "Deployment/api"},
		"ReplicaSet of a Deployment":    {"pod_controller_kind=ReplicaSet pod_controller_name=api-v2-7d9f pod_label_pod_template_hash=7d9f", "Deployment/api-v2"},
		"ReplicaSet of another hash":    {"pod_controller_kind=ReplicaSet pod_controller_name=api-17d9f pod_label_pod_template_hash=7d9f", "ReplicaSet/api-17d9f"},
		"ReplicaSet of its own":         {"pod_controller_kind=ReplicaSet pod_controller_name=api-7d9f", "ReplicaSet/api-7d9f"},
		"hash that is all":              {"pod_controller_kind=ReplicaSet pod_controller_name=-7d9f pod_label_pod_template_hash=7d9f", "ReplicaSet/-7d9f"},
		"StatefulSet":                   {"pod_controller_kind=StatefulSet pod_controller_name=db", "StatefulSet/db"},
		"DaemonSet":                     {"pod_controller_kind=DaemonSet pod_controller_name=agent", "DaemonSet/agent"},
		"Job":                           {"pod_controller_kind=Job pod_controller_name=night-2871 pod_job_name=night-2871", "Job/night-2871"},
		"Job of a CronJob":              {"pod_controller_kind=Job pod_controller_name=night-2871 pod_cronjob_name=night", "CronJob/night"},
		"bare pod":                      {"", "Pod/api-7d-x"},
		"static pod":                    {"pod_controller_kind=Node pod_controller_name=n-1", "Pod/api-7d-x"},
		"a Deployment's name is no hit": {"pod_controller_kind=StatefulSet pod_controller_name=api-7d9f pod_label_pod_template_hash=7d9f", "StatefulSet/api-7d9f"},
	} {
		specs, _ := translate(t, pod("@scrape=true @port=1 "+c.labels, one))
		if len(specs) != 1 {
			t.Fatalf("%s: %d targets", name, len(specs))
		}
		if got := specs[0].Workload.Kind + "/" + specs[0].Workload.Name; got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestResourceOfADiscoveredPod(t *testing.T) {
	specs, refused := translate(t, pod("@scrape=true @port=6060 pod_controller_kind=StatefulSet pod_controller_name=db pod_label_app_kubernetes_io_version=v2",
		"pod_container_name=api pod_container_image=registry/api:v2@sha256:"+hex))
	if len(specs) != 1 || len(refused) > 0 {
		t.Fatalf("%d targets, refused %q", len(specs), refused)
	}
	got := fmt.Sprint(resourceOf(&specs[0]).Attributes().AsRaw())
	want := "map[heapgate.workload.kind:StatefulSet heapgate.workload.name:db k8s.cluster.name:prod-eu k8s.container.name:api k8s.namespace.name:shop k8s.node.name:n-1 " +
		"k8s.pod.name:api-7d-x k8s.pod.uid:u-1 oci.manifest.digest:sha256:" + hex + " process.runtime.name:go service.instance.id:shop/api-7d-x/api service.name:db service.version:v2]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if specs[0].logs != "/logs/shop_api-7d-x_u-1/api" {
		t.Errorf("logs in %s", specs[0].logs)
	}
}

// rule sets a label to a text.
func rule(label, text string) map[string]any {
	return map[string]any{"target_label": label, "replacement": text}
}

func TestRelabellingHasTheFirstWord(t *testing.T) {
	specs, refused := translate(t, pod("pod_controller_kind=DaemonSet pod_controller_name=x pod_label_app_kubernetes_io_version=v1", one),
		rule("__address__", "10.1.2.3:7070"), rule("__scheme__", "https"), rule("__metrics_path__", "/p"),
		rule("__heapgate_workload_kind", "Rollout"), rule("__heapgate_workload_name", "api"), rule("__heapgate_version", "v9"),
		rule("__heapgate_image_digest", "sha256:"+hex), rule("__heapgate_memory_limit", "1GiB"), rule("__heapgate_container_memory_limit", "2GiB"), rule("__heapgate_cluster", "other"),
		rule("__heapgate_id", "mine"), rule("team.name", "checkout"), rule("service.version", "lie"), rule("k8s.pod.name", "lie"))
	if len(specs) != 1 || !slices.Equal(refused, []string{"attribute", "attribute"}) {
		t.Fatalf("%d targets, refused %q", len(specs), refused)
	}
	s := specs[0]
	want := WorkloadConfig{Cluster: "other", Namespace: "shop", Kind: "Rollout", Name: "api", Container: "api", Version: "v9", ImageDigest: "sha256:" + hex}
	if s.Workload != want || s.ID != "mine" || s.URL != "https://10.1.2.3:7070/p" || s.MemoryLimit != 1<<30 || s.ContainerMemoryLimit != 2<<30 || fmt.Sprint(s.Labels) != "map[team.name:checkout]" {
		t.Errorf("got %+v", s)
	}
}

func TestRelabellingCannotLeaveThePod(t *testing.T) {
	for address, reason := range map[string]string{
		"10.1.2.4:6060": "address", "evil.example:80": "address", "[::ffff:10.1.2.3]:80": "address", "": "address", "10.1.2.3": "port",
		"10.1.2.3:6060/x": "port", "u@10.1.2.3:80": "address", "127.0.0.1:80": "address", "010.1.2.3:80": "address",
	} {
		specs, refused := translate(t, pod("", one), rule("__address__", address))
		if len(specs) != 0 || !slices.Equal(refused, []string{reason}) {
			t.Errorf("%q: %d targets, refused %q, want %s", address, len(specs), refused, reason)
		}
	}
	if specs, refused := translate(t, pod("", one), rule("__address__", "10.1.2.3:1"), rule("__scheme__", "file")); len(specs) != 0 || !slices.Equal(refused, []string{"scheme"}) {
		t.Errorf("file:// is visited: %v", refused)
	}
	node := &targetgroup.Group{Targets: []model.LabelSet{{model.AddressLabel: "10.0.0.1:10250"}}} // no pod
	if specs, _ := translate(t, node, rule("x", "y")); len(specs) != 0 {
		t.Error("a target without a pod is visited")
	}
}

// Whatever the annotations say, the collector visits the pod's own IP, a port of it, and a path without tricks.
func TestNoAnnotationLeadsElsewhere(t *testing.T) {
	rules, err := (&DiscoveryConfig{GCTrace: PodLogsConfig{PodLogs: "/logs"}}).parse()
	if err != nil {
		t.Fatal(err)
	}
	pieces := []string{"6060", "1", "0", "/", "//", "..", ".", "x", "pprof", ":", ";", "@", "?", "#", "%2f", "\\", "[", "]", "evil.example", "10.1.2.3", " ", "\n", "\x00", "é", "$1", "-", "512Mi", "1e99", "Gi"}
	random := rand.New(rand.NewPCG(1, 2))
	text := func(first ...string) string {
		s := first[random.IntN(len(first))]
		for range random.IntN(4) {
			s += pieces[random.IntN(len(pieces))]
		}
		return s
	}
	visited := 0
	for range 50_000 {
		group := pod("@scrape=true", one)
		for name, value := range map[string]string{"port": text("6060", ""), "path": text("/", "/x", ""), "memory_limit": text("512", ""), "container_memory_limit": text("1", "")} {
			group.Labels[model.LabelName("__meta_kubernetes_pod_annotation_heapgate_dev_"+name)] = model.LabelValue(value)
		}
		group.Targets[0]["__meta_kubernetes_pod_container_name"] = model.LabelValue(text("api"))
		specs, _ := (&translator{rules: rules}).targets(found{groups: []*targetgroup.Group{group}, watched: true})
		for _, s := range specs {
			visited++
			u, err := url.Parse(s.URL)
			if err != nil || u.Scheme != "http" || u.Hostname() != "10.1.2.3" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/") {
				t.Fatalf("visits %q", s.URL)
			}
			if n, err := strconv.Atoi(u.Port()); err != nil || n < 1 || n > 65535 {
				t.Fatalf("visits port %q", u.Port())
			}
			if s.logs != "" && (strings.Contains(s.logs, "..") || strings.Count(s.logs, "/") != 3) {
				t.Fatalf("reads logs in %q", s.logs)
			}
			if s.MemoryLimit < 0 || s.ContainerMemoryLimit < 0 {
				t.Fatalf("limits %d and %d", s.MemoryLimit, s.ContainerMemoryLimit)
			}
		}
	}
	if visited < 500 {
		t.Errorf("only %d targets came through: nothing is tried", visited)
	}
}
