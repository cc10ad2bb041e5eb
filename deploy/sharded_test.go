// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// shared renders the collector with one of the components that share pods among replicas.
func shared(t *testing.T, component string) []object {
	t.Helper()
	return applied(t, "resources: [../collector]\ncomponents: [../collector/"+component+"]\n", nil)
}

// Instead of an agent on each node there are replicas, and their configurations are what the collector takes.
func TestReplicasShareThePods(t *testing.T) {
	for _, component := range []string{"sharded", "allocated"} {
		all := shared(t, component)
		if len(pick(all, "DaemonSet", "")) != 0 || len(pick(all, "ConfigMap", "heapgate-agent")) != 0 {
			t.Errorf("%s: the agents are still there: every pod would be heard twice", component)
		}
		set := into[appsv1.StatefulSet](t, one(t, all, "StatefulSet", "heapgate-agent"))
		pod := set.Spec.Template.Spec
		config := one(t, all, "ConfigMap", "heapgate-replica").text("data", "config.yaml")
		for shard := range 3 {
			filled := strings.NewReplacer("${env:SHARD}", fmt.Sprint(shard), "${env:POD_NAME}", fmt.Sprint("heapgate-agent-", shard)).Replace(config)
			if out, err := validate(t, filled, pod, one(t, all, "ConfigMap", "heapgate-cluster")); err != nil || strings.Contains(out, "warn") {
				t.Errorf("%s: %v\n%s", component, err, out)
			}
		}
		if len(pick(all, "Service", set.Spec.ServiceName)) != 1 {
			t.Errorf("%s: the StatefulSet names no Service", component)
		}
		unprivileged(t, component, pod)
		confined(t, component, pod.Containers[0])
		env := map[string]corev1.EnvVar{}
		for _, e := range pod.Containers[0].Env {
			env[e.Name] = e
		}
		if env["SHARDS"].Value != fmt.Sprint(*set.Spec.Replicas) {
			t.Errorf("%s: %s shares and %d replicas", component, env["SHARDS"].Value, *set.Spec.Replicas)
		}
		if from := env["SHARD"].ValueFrom; from == nil || from.FieldRef == nil || from.FieldRef.FieldPath != "metadata.labels['"+appsv1.PodIndexLabel+"']" {
			t.Errorf("%s: no replica knows its share", component)
		}
	}
}

// unprivileged tells of a pod that may do more than reading an API needs.
func unprivileged(t *testing.T, name string, pod corev1.PodSpec) {
	t.Helper()
	if c := pod.SecurityContext; c == nil || c.RunAsNonRoot == nil || !*c.RunAsNonRoot || c.RunAsUser == nil || *c.RunAsUser == 0 {
		t.Errorf("%s: runs as root", name)
	}
	for _, volume := range pod.Volumes {
		if volume.HostPath != nil {
			t.Errorf("%s: reads %s of the node", name, volume.HostPath.Path)
		}
	}
	if c := pod.Containers[0].SecurityContext; c.ReadOnlyRootFilesystem == nil || !*c.ReadOnlyRootFilesystem || len(c.Capabilities.Drop) != 1 || *c.AllowPrivilegeEscalation {
		t.Errorf("%s: want no capability and a read-only root (got %+v)", name, c)
	}
	goLimits(t, name, pod.Containers[0])
}

// rules reads a list of relabelling rules.
func rules(t *testing.T, text []byte) (all []map[string]any) {
	t.Helper()
	if err := yaml.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// The rules of a shard are the receiver's own, and two that take the share.
func TestShardsChangeNothingElse(t *testing.T) {
	var config struct {
		Receivers struct {
			GoRuntime struct {
				Discovery struct {
					RelabelConfigs []map[string]any `json:"relabel_configs"`
				} `json:"discovery"`
			} `json:"go_runtime"`
		} `json:"receivers"`
	}
	text := one(t, shared(t, "sharded"), "ConfigMap", "heapgate-replica").text("data", "config.yaml")
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	standard, err := os.ReadFile("../receiver/relabel_default.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, want := config.Receivers.GoRuntime.Discovery.RelabelConfigs, rules(t, standard)
	if len(got) != len(want)+2 || !reflect.DeepEqual(got[:len(want)], want) {
		t.Errorf("the rules are\n%v\nwant those of receiver/relabel_default.yaml first\n%v", got, want)
	}
	share := rules(t, []byte("[{action: hashmod, source_labels: [__meta_kubernetes_pod_uid], modulus: '${env:SHARDS}', target_label: __tmp_shard}, {action: keep, source_labels: [__tmp_shard], regex: '${env:SHARD}'}]"))
	if !reflect.DeepEqual(got[len(got)-2:], share) {
		t.Errorf("the share is taken by %v\nwant %v", got[len(got)-2:], share)
	}
}

// The replicas ask the allocator where it answers, it finds them, and it hands out one target a container.
func TestAllocatorAndReplicasMeet(t *testing.T) {
	all := shared(t, "allocated")
	config := one(t, all, "ConfigMap", "heapgate-replica").text("data", "config.yaml")
	if want := "http://heapgate-allocator.heapgate.svc:8080/jobs/go/targets?collector_id=${env:POD_NAME}"; !strings.Contains(config, want) || strings.Contains(config, "relabel_configs") {
		t.Errorf("the replicas do not ask %s, or relabel what they get", want)
	}
	service := into[corev1.Service](t, one(t, all, "Service", "heapgate-allocator"))
	pod := podOf(t, all, service.Spec.Selector)
	if port := pod.Containers[0].Ports[0]; service.Spec.Ports[0].TargetPort.StrVal != port.Name || service.Spec.Ports[0].Port != 8080 || port.ContainerPort != 8080 {
		t.Errorf("nobody listens to port 8080: %+v", service.Spec.Ports)
	}
	unprivileged(t, "allocator", pod)
	var settings struct {
		Selector struct {
			MatchLabels map[string]string `json:"matchLabels"`
		} `json:"collector_selector"`
		Config struct {
			Jobs []struct {
				Name  string           `json:"job_name"`
				Rules []map[string]any `json:"relabel_configs"`
			} `json:"scrape_configs"`
		} `json:"config"`
	}
	if err := yaml.Unmarshal([]byte(one(t, all, "ConfigMap", "heapgate-allocator").text("data", "targetallocator.yaml")), &settings); err != nil {
		t.Fatal(err)
	}
	podOf(t, pick(all, "StatefulSet", ""), settings.Selector.MatchLabels)
	if job := settings.Config.Jobs[0]; job.Name != "go" || len(job.Rules) != 1 || !strings.HasSuffix(job.Rules[0]["regex"].(string), ";pprof") {
		t.Errorf("the job is %+v", job)
	}
	role := into[rbacv1.ClusterRole](t, one(t, all, "ClusterRole", "heapgate-allocator"))
	if got := fmt.Sprint(role.Rules[0].Verbs, role.Rules[0].Resources, len(role.Rules)); got != "[get list watch] [pods nodes] 1" {
		t.Errorf("the allocator may %s", got)
	}
}
