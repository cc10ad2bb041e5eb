// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/observer/k8sobserver"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/receivercreator"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"gopkg.in/yaml.v3"
	corev1 "k8s.io/api/core/v1"
)

// creatorHost is a collector with one extension, in which receiver_creator finds the receivers that it may make.
type creatorHost struct {
	component.Host
	id        component.ID
	extension component.Component
}

func (h *creatorHost) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{h.id: h.extension}
}

func (*creatorHost) GetFactory(component.Kind, component.Type) component.Factory { return NewFactory() }

// As README.md shows it, with a shorter interval.
const creatorConfig = `
watch_observers: [k8s_observer]
receivers:
  go_runtime:
    rule: type == "port" && name == "pprof" && pod.annotations["heapgate.dev/scrape"] == "true"
    config:
      collection_interval: 100ms
      cluster: prod-eu
      cost: {max_cpu_share: 1}
      targets:
        - url: 'http://` + "`endpoint`" + `/debug/pprof'
          id: '` + "`pod.namespace`/`pod.name`" + `'
          workload:
            namespace: '` + "`pod.namespace`" + `'
            kind: Deployment
            name: '` + "`pod.labels[\"app.kubernetes.io/name\"]`" + `'
            container: '` + "`container_name`" + `'
      limits: {targets: 1, concurrent_scrapes: 1, body_size: 16MiB}
`

func TestTemplateOfReceiverCreator(t *testing.T) {
	api := newKubeAPI(t)
	t.Setenv("KUBECONFIG", api.kubeconfig)
	observers := k8sobserver.NewFactory()
	observing := observers.CreateDefaultConfig().(*k8sobserver.Config)
	observing.APIConfig.AuthType = "kubeConfig"
	id := component.NewID(observers.Type())
	extension, err := observers.Create(t.Context(), extensiontest.NewNopSettings(observers.Type()), observing)
	if err != nil {
		t.Fatal(err)
	}
	host := &creatorHost{componenttest.NewNopHost(), id, extension}
	if err := extension.Start(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		extension.(interface{ StopListAndWatch() }).StopListAndWatch() // Shutdown does not
		if err := extension.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})

	creators := receivercreator.NewFactory()
	cfg := creators.CreateDefaultConfig()
	var raw map[string]any
	if err := yaml.Unmarshal([]byte(strings.Replace(creatorConfig, "k8s_observer", id.String(), 1)), &raw); err != nil {
		t.Fatal(err)
	}
	if err := confmap.NewFromStringMap(raw).Unmarshal(cfg); err != nil {
		t.Fatal(err)
	}
	out := &sink{newest: map[string]pmetric.Metrics{}}
	creator, err := creators.CreateMetrics(t.Context(), receivertest.NewNopSettings(creators.Type()), cfg, out)
	if err != nil {
		t.Fatal(err)
	}
	if err := creator.Start(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := creator.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})

	at, visits := visitedPod(t)
	asks := podWithPort(t, "api-1", at)
	elsewhere, others := visitedPod(t)
	quiet := podWithPort(t, "quiet", elsewhere)
	quiet.Annotations["heapgate.dev/scrape"] = "false"
	api.set(asks)
	api.set(quiet)
	out.wait(t, "shop/api-1", "heapgate.target.up", is(1))
	attributes := out.attributes("shop/api-1")
	for name, want := range map[string]string{
		"heapgate.workload.name": "api", "heapgate.workload.kind": "Deployment", "k8s.namespace.name": "shop", "k8s.pod.name": "api-1", "k8s.pod.uid": "uid-of-api-1", "k8s.container.name": "api", "k8s.cluster.name": "prod-eu",
	} {
		if attributes[name] != want {
			t.Errorf("%s is %v, want %s", name, attributes[name], want)
		}
	}
	if others.Load() != 0 {
		t.Error("a pod that did not ask was visited")
	}
	api.remove(asks)
	eventually(t, "the visits end with the pod", stops(visits))
}

// podWithPort declares the port of pprof, as receiver_creator wants it.
func podWithPort(t *testing.T, name, at string) *corev1.Pod {
	t.Helper()
	pod := podAt(t, name, at)
	pod.Labels = map[string]string{"app.kubernetes.io/name": "api"}
	port, err := strconv.ParseInt(pod.Annotations["heapgate.dev/port"], 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{Name: "pprof", ContainerPort: int32(port), Protocol: corev1.ProtocolTCP}}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "api", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
	return pod
}
