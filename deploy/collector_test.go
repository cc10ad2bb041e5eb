// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// collector is the real one, built once for all tests.
var collector = sync.OnceValues(func() (string, error) {
	root, err := tree()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "heapgate-collector")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", path, "../distro").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build ../distro: %w\n%s", err, out)
	}
	return path, nil
})

// validate asks the collector for its opinion of a configuration, with the environment that a pod has.
func validate(t *testing.T, config string, pod corev1.PodSpec, cluster object) (string, error) {
	t.Helper()
	binary, err := collector()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), binary, "validate", "--config="+path)
	command.Env = []string{"NODE_NAME=node1"}
	for _, e := range pod.Containers[0].Env {
		if e.ValueFrom == nil {
			command.Env = append(command.Env, e.Name+"="+e.Value)
		}
	}
	if len(pod.Containers[0].EnvFrom) > 0 {
		for key, value := range cluster.at("data").(map[string]any) {
			command.Env = append(command.Env, key+"="+value.(string))
		}
	}
	out, err := command.CombinedOutput()
	return string(out), err
}

// Both configurations are what the collector of this very tree takes, and it does not take everything.
func TestCollectorTakesItsConfigurations(t *testing.T) {
	all := render(t, "collector")
	cluster := one(t, all, "ConfigMap", "heapgate-cluster")
	for name, pod := range pods(t, "collector") {
		config := one(t, all, "ConfigMap", strings.Fields(name)[1]).text("data", "config.yaml")
		if out, err := validate(t, config, pod, cluster); err != nil || strings.Contains(out, "warn") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		if out, err := validate(t, strings.Replace(config, "memory_limiter:", "memory_limiter:\n    chek_interval: 1s", 1), pod, cluster); err == nil {
			t.Errorf("%s: an unknown key was taken\n%s", name, out)
		}
		for _, variable := range []string{"CLUSTER", "GATEWAY", "NODE_NAME"} {
			if name == "DaemonSet heapgate-agent" && !strings.Contains(config, "${env:"+variable+"}") {
				t.Errorf("%s: the configuration does not use %s", name, variable)
			}
		}
	}
}

// What one end says, the other end listens to: ports of container, Service, configuration, probes and policies.
func TestPortsMeet(t *testing.T) {
	all := append(render(t, "collector"), render(t, "watch")...)
	for _, o := range pick(all, "Service", "") {
		service := into[corev1.Service](t, o)
		pod := podOf(t, all, service.Spec.Selector)
		for _, port := range service.Spec.Ports {
			i := slices.IndexFunc(pod.Containers[0].Ports, func(p corev1.ContainerPort) bool { return p.Name == port.TargetPort.StrVal })
			if i < 0 || pod.Containers[0].Ports[i].ContainerPort != port.Port {
				t.Errorf("Service %s: nobody listens to %s, %d", service.Name, port.TargetPort.StrVal, port.Port)
			}
		}
	}
	gateway := one(t, all, "ConfigMap", "heapgate-gateway").text("data", "config.yaml")
	for _, c := range podOf(t, all, map[string]string{"app.kubernetes.io/name": "heapgate-gateway"}).Containers[0].Ports {
		if want := map[string]string{"otlp": "0.0.0.0:4317", "store": "0.0.0.0:9464", "health": "0.0.0.0:13133", "metrics": "port: 8888"}[c.Name]; !strings.Contains(gateway, want) || want == "" {
			t.Errorf("the gateway does not listen to its port %s, %d", c.Name, c.ContainerPort)
		}
	}
	agent := podOf(t, all, map[string]string{"app.kubernetes.io/name": "heapgate-agent"})
	address := "heapgate-gateway.heapgate.svc:4317"
	if !slices.ContainsFunc(agent.Containers[0].Env, func(e corev1.EnvVar) bool { return e.Name == "GATEWAY" && e.Value == address }) {
		t.Errorf("the agent does not send to %s", address)
	}
	if store := one(t, render(t, "gate"), "ConfigMap", "heapgate-gate").text("data", "HEAPGATE_STORE"); store != "http://heapgate-gateway.heapgate.svc:9464" {
		t.Errorf("the gate asks %s", store)
	}
}

// podOf is the pod that a selector selects.
func podOf(t *testing.T, all []object, selector map[string]string) corev1.PodSpec {
	t.Helper()
	for _, o := range all {
		labels, _ := o.at("spec", "template", "metadata", "labels").(map[string]any)
		if labels != nil && !slices.ContainsFunc(keys(selector), func(k string) bool { return labels[k] != selector[k] }) {
			return into[corev1.PodSpec](t, o.at("spec", "template", "spec").(map[string]any))
		}
	}
	t.Fatalf("no pod has the labels %v", selector)
	return corev1.PodSpec{}
}

func keys(m map[string]string) (list []string) {
	for k := range m {
		list = append(list, k)
	}
	return list
}

// Each pod of ours has a policy for both directions. Only gates reach the store, and only agents write to it.
func TestNetworkPoliciesCloseTheStore(t *testing.T) {
	all := append(render(t, "collector"), render(t, "watch")...)
	for _, name := range []string{"heapgate-agent", "heapgate-gateway", "heapgate-watch"} {
		policy := into[networkingv1.NetworkPolicy](t, one(t, all, "NetworkPolicy", name)).Spec
		podOf(t, all, policy.PodSelector.MatchLabels)
		if len(policy.PolicyTypes) != 2 {
			t.Errorf("%s: want a policy for ingress and egress (got %v)", name, policy.PolicyTypes)
		}
	}
	from := map[string][]string{}
	for _, rule := range into[networkingv1.NetworkPolicy](t, one(t, all, "NetworkPolicy", "heapgate-gateway")).Spec.Ingress {
		if len(rule.Ports) == 0 {
			t.Error("a rule opens every port of the gateway")
		}
		for _, port := range rule.Ports {
			who := "anybody"
			if len(rule.From) == 1 && rule.From[0].PodSelector != nil {
				who = rule.From[0].PodSelector.MatchLabels["app.kubernetes.io/name"]
			}
			from[port.Port.String()] = append(from[port.Port.String()], who)
		}
	}
	if !slices.Equal(from["otlp"], []string{"heapgate-agent"}) || !slices.Equal(from["store"], []string{"heapgate-gate"}) || len(from) != 3 {
		t.Errorf("the gateway is reached by %v", from)
	}
	gate := one(t, render(t, "gate"), "Job", "")
	if gate.at("spec", "template", "metadata", "labels", "app.kubernetes.io/name") != "heapgate-gate" || one(t, render(t, "gate/pod"), "Pod", "").text("metadata", "labels", "app.kubernetes.io/name") != "heapgate-gate" {
		t.Error("the gate's pods have not the label that the policy lets in")
	}
}

// The store belongs to one process, on whatever volume.
func TestGatewayIsAlone(t *testing.T) {
	all := render(t, "collector")
	gateway := one(t, all, "Deployment", "heapgate-gateway")
	if gateway.at("spec", "strategy", "type") != "Recreate" || gateway.at("spec", "replicas") != float64(1) && gateway.at("spec", "replicas") != int64(1) {
		t.Errorf("want one replica and Recreate (got %v, %v)", gateway.at("spec", "replicas"), gateway.at("spec", "strategy"))
	}
	kept := applied(t, "resources: [../collector]\ncomponents: [../collector/persistent]\n", nil)
	pod := podOf(t, kept, map[string]string{"app.kubernetes.io/name": "heapgate-gateway"})
	for _, volume := range pod.Volumes {
		if volume.Name == "store" && (volume.EmptyDir != nil || volume.PersistentVolumeClaim == nil || len(pick(kept, "PersistentVolumeClaim", volume.PersistentVolumeClaim.ClaimName)) != 1) {
			t.Errorf("the store is not on its claim: %+v", volume)
		}
	}
}

// The agent hears the pods of its own node, and writes nothing but how far it has read.
func TestAgentStaysOnItsNode(t *testing.T) {
	all := render(t, "collector")
	agent := podOf(t, all, map[string]string{"app.kubernetes.io/name": "heapgate-agent"})
	if config := one(t, all, "ConfigMap", "heapgate-agent").text("data", "config.yaml"); !strings.Contains(config, "field: spec.nodeName=${env:NODE_NAME}") {
		t.Error("the agent asks for the pods of all nodes")
	}
	writable := map[string]string{}
	for _, mount := range agent.Containers[0].VolumeMounts {
		if !mount.ReadOnly {
			writable[mount.Name] = mount.MountPath
		}
	}
	if len(writable) != 1 || writable["state"] != "/var/lib/heapgate" {
		t.Errorf("the agent may write to %v", writable)
	}
}
