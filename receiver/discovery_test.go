// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// podAt is a running pod whose IP is the host of the URL and whose annotations ask to be visited at its port.
func podAt(t *testing.T, name, at string) *corev1.Pod {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: types.UID("uid-of-" + name),
			Annotations: map[string]string{"heapgate.dev/scrape": "true", "heapgate.dev/port": port},
		},
		Spec:   corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{{Name: "api", Image: "registry/api:v1"}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: host},
	}
}

func discovering(api *kubeAPI) *Config {
	cfg := createDefaultConfig()
	cfg.CollectionInterval = 100 * time.Millisecond
	cfg.HTTP.Timeout, cfg.Cost.MaxCPUShare = 2*time.Second, 1
	cfg.Cluster = "prod-eu"
	cfg.Discovery.AllowNetworks = []string{"127.0.0.0/8"}
	cfg.Discovery.KubernetesSDConfigs = []map[string]any{{"role": "pod", "kubeconfig_file": api.kubeconfig}}
	return cfg
}

func (s *sink) attributes(target string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if batch, ok := s.newest[target]; ok {
		return batch.ResourceMetrics().At(0).Resource().Attributes().AsRaw()
	}
	return nil
}

// visitedPod serves heap texts and counts the visits.
func visitedPod(t *testing.T) (at string, visits *atomic.Int64) {
	t.Helper()
	visits = &atomic.Int64{}
	return server(t, fake(func() string { visits.Add(1); return heapText(3, 1000) })), visits
}

// eventually waits for what no batch shows.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// stops holds when no visit comes for three intervals.
func stops(visits *atomic.Int64) func() bool {
	return func() bool {
		before := visits.Load()
		time.Sleep(300 * time.Millisecond)
		return visits.Load() == before
	}
}

// ids are the targets that were ever heard.
func (s *sink) ids() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.newest))
}

func TestPodIsFoundVisitedAndForgotten(t *testing.T) {
	api := newKubeAPI(t)
	var out sink
	at, visits := visitedPod(t)
	elsewhere, others := visitedPod(t)
	pod := podAt(t, "api-1", at)
	api.set(podAt(t, "quiet", elsewhere).DeepCopy())
	quiet := podAt(t, "quiet", elsewhere)
	quiet.Annotations["heapgate.dev/scrape"] = "false"
	api.set(quiet)
	start(t, &out, discovering(api))
	api.set(pod)
	out.wait(t, "shop/api-1/api", "heapgate.target.up", is(1))
	attributes := out.attributes("shop/api-1/api")
	for name, want := range map[string]string{
		"k8s.cluster.name": "prod-eu", "k8s.namespace.name": "shop", "k8s.pod.name": "api-1", "k8s.pod.uid": "uid-of-api-1", "k8s.node.name": "node-1",
		"k8s.container.name": "api", "heapgate.workload.kind": "Pod", "heapgate.workload.name": "api-1",
	} {
		if attributes[name] != want {
			t.Errorf("%s is %v, want %s", name, attributes[name], want)
		}
	}
	if others.Load() != 0 {
		t.Error("a pod that did not ask was visited")
	}
	done := pod.DeepCopy()
	done.Status.Phase = corev1.PodSucceeded
	api.set(done)
	eventually(t, "the visits end with the pod", stops(visits))

	again, visitsAgain := visitedPod(t) // a pod of the same name, as of a StatefulSet
	moved := podAt(t, "api-1", again)
	moved.UID = "uid-2"
	api.set(moved)
	eventually(t, "the new pod is visited", func() bool { return visitsAgain.Load() > 1 })
	if got := out.attributes("shop/api-1/api")["k8s.pod.uid"]; got != "uid-2" {
		t.Errorf("the new pod's batches carry the uid %v", got)
	}
	api.remove(moved)
	eventually(t, "the visits end when the pod is deleted", stops(visitsAgain))
}

func TestNodeLocalPodsAndTheirOwners(t *testing.T) {
	api := newKubeAPI(t)
	yes := true
	owned := func(name, kind, owner string) *corev1.Pod {
		at, _ := visitedPod(t)
		pod := podAt(t, name, at)
		pod.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: owner, Controller: &yes}}
		return pod
	}
	api.set(node("node-1", ""))
	api.set(&appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "odd", OwnerReferences: []metav1.OwnerReference{{Kind: "Deployment", Name: "api", Controller: &yes}}}})
	api.set(&batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "night-1", OwnerReferences: []metav1.OwnerReference{{Kind: "CronJob", Name: "night", Controller: &yes}}}})
	away := owned("away", "StatefulSet", "away")
	away.Spec.NodeName = "node-2"
	other := owned("other", "StatefulSet", "other")
	other.Namespace = "elsewhere"
	for _, pod := range []*corev1.Pod{owned("a", "ReplicaSet", "odd"), owned("b", "Job", "night-1"), owned("c", "StatefulSet", "db"), away, other} {
		api.set(pod)
	}
	cfg := discovering(api)
	sd := cfg.Discovery.KubernetesSDConfigs[0]
	sd["namespaces"] = map[string]any{"names": []any{"shop"}}
	sd["selectors"] = []any{map[string]any{"role": "pod", "field": "spec.nodeName=node-1"}, map[string]any{"role": "node", "field": "metadata.name=node-1"}}
	sd["attach_metadata"] = map[string]any{"node": true, "deployment": true, "cronjob": true}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	var out sink
	start(t, &out, cfg)
	for id, want := range map[string]string{"shop/a/api": "Deployment/api", "shop/b/api": "CronJob/night", "shop/c/api": "StatefulSet/db"} {
		out.wait(t, id, "heapgate.target.up", is(1))
		attributes := out.attributes(id)
		if got := fmt.Sprintf("%v/%v", attributes["heapgate.workload.kind"], attributes["heapgate.workload.name"]); got != want {
			t.Errorf("%s belongs to %s, want %s", id, got, want)
		}
	}
	for _, id := range []string{"shop/away/api", "elsewhere/other/api"} {
		if out.attributes(id) != nil {
			t.Errorf("%s is visited from another node or namespace", id)
		}
	}
}

// observe starts a receiver whose own telemetry is read.
func observe(t *testing.T, out *sink, cfg *Config) *componenttest.Telemetry {
	t.Helper()
	telemetry := componenttest.NewTelemetry()
	set := receivertest.NewNopSettings(NewFactory().Type())
	set.TelemetrySettings = telemetry.NewTelemetrySettings()
	startWith(t, out, cfg, set, componenttest.NewNopHost())
	return telemetry
}

// counted is the sum of a counter or gauge of the receiver's own, by reason if one is given.
func counted(t *testing.T, telemetry *componenttest.Telemetry, name, reason string) (sum int64) {
	t.Helper()
	m, err := telemetry.GetMetric("otelcol_" + name)
	if err != nil {
		return 0
	}
	var points []metricdata.DataPoint[int64]
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		points = data.DataPoints
	case metricdata.Gauge[int64]:
		points = data.DataPoints
	}
	for _, p := range points {
		if value, _ := p.Attributes.Value("reason"); reason == "" || value.AsString() == reason {
			sum += p.Value
		}
	}
	return sum
}

func TestWhatIsRefusedIsCounted(t *testing.T) {
	api := newKubeAPI(t)
	at, _ := visitedPod(t)
	var out sink
	cfg := discovering(api)
	cfg.Limits.Targets = 2
	telemetry := observe(t, &out, cfg)
	lost := podAt(t, "lost", at)
	lost.Annotations["heapgate.dev/port"] = "evil.example:80"
	silent := podAt(t, "silent", at)
	delete(silent.Annotations, "heapgate.dev/port")
	for _, pod := range []*corev1.Pod{lost, silent, podAt(t, "a", at), podAt(t, "b", at), podAt(t, "c", at)} {
		api.set(pod)
	}
	for reason, want := range map[string]int64{"address": 1, "no_port": 1, "limit": 1} {
		eventually(t, "counted as "+reason, func() bool {
			return counted(t, telemetry, "receiver_go_runtime_discovery_refused", reason) == want
		})
	}
	if got := counted(t, telemetry, "receiver_go_runtime_discovery_targets", ""); got != 2 {
		t.Errorf("%d targets are said to be visited; want 2", got)
	}
	waits := ""
	for _, name := range []string{"a", "b", "c"} {
		eventually(t, "two of three are visited", func() bool { return len(out.ids()) == 2 })
		if !slices.Contains(out.ids(), "shop/"+name+"/api") {
			waits = name
		}
	}
	gone := map[string]string{"a": "b", "b": "c", "c": "a"}[waits]
	api.remove(podAt(t, gone, at))
	out.wait(t, "shop/"+waits+"/api", "heapgate.target.up", is(1)) // takes the free place
	if got := counted(t, telemetry, "receiver_go_runtime_discovery_refused", ""); got != 3 {
		t.Errorf("%d refusals are counted; want 3", got)
	}
}

func TestRefusalIsToldWhenItBegins(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	set := receivertest.NewNopSettings(NewFactory().Type())
	set.TelemetrySettings = telemetry.NewTelemetrySettings()
	core, lines := observer.New(zap.WarnLevel)
	set.Logger = zap.New(core)
	r, err := newReceiver(set, createDefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	d := &discoverer{receiver: r, told: map[string]map[refusal]bool{}}
	bad := refusal{refusedPort, "shop/api-1/api", "x"}
	for i, step := range []struct {
		source  string
		refused []refusal
		total   int64
	}{
		{"p", []refusal{bad, bad}, 1}, {"p", []refusal{bad}, 1}, // a heartbeat of the pod
		{"q", []refusal{bad}, 2}, {"p", nil, 2}, {"p", []refusal{bad}, 3},
	} {
		d.tell(t.Context(), step.source, step.refused)
		if got := counted(t, telemetry, "receiver_go_runtime_discovery_refused", "port"); got != step.total || lines.Len() != int(step.total) {
			t.Errorf("step %d: %d counted, %d lines; want %d", i, got, lines.Len(), step.total)
		}
	}
	for n := range 1000 {
		d.tell(t.Context(), fmt.Sprint(n), []refusal{bad})
	}
	if lines.Len() != maxRefusalLogs || counted(t, telemetry, "receiver_go_runtime_discovery_refused", "port") != 1003 {
		t.Errorf("%d lines", lines.Len())
	}
}

func TestAPIThatRefusesIsCountedAndAskedAgain(t *testing.T) {
	api := newKubeAPI(t)
	api.refuse = true
	at, _ := visitedPod(t)
	api.set(podAt(t, "a", at))
	var out sink
	telemetry := observe(t, &out, discovering(api))
	eventually(t, "the refusal is counted", func() bool { return counted(t, telemetry, "receiver_go_runtime_discovery_failures", "") > 0 })
	api.mu.Lock()
	api.refuse = false
	api.mu.Unlock()
	out.wait(t, "shop/a/api", "heapgate.target.up", is(1))
}

func TestDiscoveryWithoutClusterDoesNotStart(t *testing.T) {
	cfg := createDefaultConfig()
	cfg.Discovery.KubernetesSDConfigs = []map[string]any{{"role": "pod"}} // and the test runs in no pod
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	r, err := NewFactory().CreateMetrics(t.Context(), receivertest.NewNopSettings(NewFactory().Type()), cfg, &sink{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context(), componenttest.NewNopHost()); err == nil || !strings.Contains(err.Error(), "discovery::kubernetes_sd_configs[0]: unable to load in-cluster configuration") {
		t.Errorf("got %v", err)
	}
	if err := r.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
