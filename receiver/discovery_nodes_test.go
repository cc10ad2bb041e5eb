// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/prometheus/discovery/targetgroup"
	"go.opentelemetry.io/collector/receiver/receivertest"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func node(name, providerID string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			"topology.kubernetes.io/region": "eu-west-1", "topology.kubernetes.io/zone": "eu-west-1b", "kubernetes.io/hostname": name,
		}},
		Spec:   corev1.NodeSpec{ProviderID: providerID},
		Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.0.1"}}},
	}
}

func TestPodsCarryTheCloudOfTheirNode(t *testing.T) {
	api := newKubeAPI(t)
	api.set(node("node-1", "aws:///eu-west-1b/i-07"))
	at, _ := visitedPod(t)
	api.set(podAt(t, "api-1", at))
	cfg := discovering(api)
	cfg.Discovery.KubernetesSDConfigs[0]["attach_metadata"] = map[string]any{"node": true}
	cfg.Discovery.KubernetesSDConfigs[0]["selectors"] = []any{map[string]any{"role": "node", "field": "metadata.name=node-1"}}
	var out sink
	start(t, &out, cfg)
	out.wait(t, "shop/api-1/api", "heapgate.target.up", is(1))
	attributes := out.attributes("shop/api-1/api")
	for name, want := range map[string]string{
		"cloud.provider": "aws", "cloud.region": "eu-west-1", "cloud.availability_zone": "eu-west-1b", "host.name": "node-1", "k8s.node.name": "node-1",
	} {
		if attributes[name] != want {
			t.Errorf("%s is %v, want %s", name, attributes[name], want)
		}
	}
}

// A pod waits for its node, but not for long, and its end waits for nothing.
func TestPodsWaitForTheirNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules, err := (&DiscoveryConfig{}).parse()
		if err != nil {
			t.Fatal(err)
		}
		r, err := newReceiver(receivertest.NewNopSettings(NewFactory().Type()), createDefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		y := newYard(100)
		d := &discoverer{receiver: r, translator: translator{rules: rules}, fleet: y.fleet, told: map[string]map[refusal]bool{}}
		ctx, cancel := context.WithCancel(t.Context())
		pods, nodes := make(chan []*targetgroup.Group), make(chan []*targetgroup.Group)
		go d.listenPods(ctx, "watch 0/", pods, nodes)
		on := func(node string) []*targetgroup.Group {
			group := pod("@scrape=true @port=6060", one)
			group.Labels[metaNode] = set("x=" + node)["__meta_kubernetes_x"]
			group.Source = "pod/shop/api"
			return []*targetgroup.Group{group}
		}
		say := func(name, id string) {
			group := &targetgroup.Group{Source: "node/" + name}
			if id != "" {
				group.Targets, group.Labels = append(group.Targets, nil), set("node_provider_id="+id)
			}
			nodes <- []*targetgroup.Group{group}
		}
		cloud := func() (provider string, runs bool) {
			synctest.Wait()
			y.fleet.mu.Lock()
			defer y.fleet.mu.Unlock()
			for _, v := range y.visited {
				return v.spec.machine.provider, true
			}
			return "", false
		}
		expect := func(step, provider string, runs bool) {
			t.Helper()
			if p, r := cloud(); p != provider || r != runs {
				t.Errorf("%s: provider %q, visited %v; want %q, %v", step, p, r, provider, runs)
			}
		}
		pods <- on("n-1")
		expect("before the node is known", "", false)
		say("n-2", "gce://p/z/x")
		expect("another node is known", "", false)
		say("n-1", "aws:///eu-west-1b/i-07")
		expect("the node is known", "aws", true)
		if y.begun.Load() != 1 {
			t.Errorf("%d starts", y.begun.Load())
		}
		pods <- []*targetgroup.Group{{Source: "pod/shop/api"}}
		expect("the pod is gone", "", false)
		say("n-1", "")
		pods <- on("n-1")
		expect("the node is gone", "", false)
		pods <- []*targetgroup.Group{{Source: "pod/shop/api"}}
		time.Sleep(2 * nodePatience)
		expect("a pod that went while it waited", "", false)
		pods <- on("n-3")
		time.Sleep(nodePatience / 2)
		expect("half of the patience", "", false)
		time.Sleep(nodePatience)
		expect("patience is over", "", true)
		cancel()
		synctest.Wait()
	})
}
