// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"os"
	"path"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// The server and the Job of Argo Rollouts are confined as everything else that we run, and speak to nobody but the store.
func TestRolloutsPodsAreConfined(t *testing.T) {
	server := pods(t, "rollouts/server")["Deployment heapgate-serve"]
	job := into[corev1.PodSpec](t, one(t, render(t, "rollouts/templates"), "AnalysisTemplate", "heapgate-job").at("spec", "metrics", "0", "provider", "job", "spec", "template", "spec").(map[string]any))
	for name, pod := range map[string]corev1.PodSpec{"server": server, "job": job} {
		if len(pod.Containers) != 1 || pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken || pod.HostNetwork ||
			pod.SecurityContext == nil || pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot || pod.SecurityContext.SeccompProfile == nil {
			t.Fatalf("%s: want one container, non-root, with seccomp and without a ServiceAccount's token (got %+v)", name, pod)
		}
		confined(t, name, pod.Containers[0])
	}
}

// The store's policy lets both in, the Service finds the server, and only the two controllers reach it.
func TestRolloutsServerIsReached(t *testing.T) {
	all := render(t, "rollouts/server")
	for _, o := range all {
		if o.text("metadata", "labels", "app.kubernetes.io/part-of") != "heapgate" || o.text("metadata", "namespace") != "heapgate" {
			t.Errorf("%s %s is in the namespace %q with the labels %v", o.kind(), o.name(), o.text("metadata", "namespace"), o.at("metadata", "labels"))
		}
	}
	service := into[corev1.ServiceSpec](t, one(t, all, "Service", "heapgate-serve").at("spec").(map[string]any))
	labels := one(t, all, "Deployment", "heapgate-serve").at("spec", "template", "metadata", "labels").(map[string]any)
	for key, value := range service.Selector {
		if labels[key] != value {
			t.Errorf("the Service selects %s=%s, the pods have %v", key, value, labels[key])
		}
	}
	job := one(t, render(t, "rollouts/templates"), "AnalysisTemplate", "heapgate-job").at("spec", "metrics", "0", "provider", "job", "spec", "template", "metadata", "labels", "app.kubernetes.io/name")
	if labels["app.kubernetes.io/name"] != "heapgate-gate" || job != "heapgate-gate" || service.Ports[0].Port != 8080 {
		t.Errorf("the server is %v and the job %v; the store lets heapgate-gate in", labels["app.kubernetes.io/name"], job)
	}
	policy := into[networkingv1.NetworkPolicy](t, one(t, all, "NetworkPolicy", "heapgate-serve")).Spec
	if len(policy.PolicyTypes) != 2 || len(policy.Ingress) != 1 || len(policy.Ingress[0].From) != 1 || len(policy.Ingress[0].Ports) != 1 || len(policy.Egress) != 2 {
		t.Errorf("the server's policy is %+v", policy)
	}
}

// The example names a template and the arguments that it has, and its image is one that the gate takes.
func TestRolloutsExampleFits(t *testing.T) {
	all := render(t, "rollouts/example")
	rollout := one(t, all, "Rollout", "shop")
	step := object(rollout.at("spec", "strategy", "canary", "steps", "1", "analysis").(map[string]any))
	template := one(t, all, "AnalysisTemplate", step.at("templates", "0", "templateName").(string))
	given := map[any]bool{}
	for _, argument := range step.at("args").([]any) {
		given[argument.(map[string]any)["name"]] = true
	}
	for _, argument := range template.at("spec", "args").([]any) {
		a := object(argument.(map[string]any))
		if a.at("valueFrom") == nil && !given[a["name"]] {
			t.Errorf("the argument %v is not given", a["name"])
		}
		delete(given, a["name"])
	}
	if len(given) > 0 {
		t.Errorf("the template has no arguments %v", given)
	}
	if from := step.at("args", "1", "valueFrom", "fieldRef", "fieldPath"); from != "spec.template.spec.containers[0].image" {
		t.Errorf("the image comes from %v", from)
	}
}

// Flagger's example is one object that loads strictly; its server is that of Rollouts.
func TestFlaggerExampleLoads(t *testing.T) {
	text, err := os.ReadFile("flagger/canary.yaml")
	if err != nil {
		t.Fatal(err)
	}
	canary := one(t, documents(t, text), "Canary", "shop")
	if canary.text("apiVersion") != "flagger.app/v1beta1" || canary.at("spec", "analysis", "webhooks", "0", "type") != "rollout" || canary.at("spec", "analysis", "webhooks", "1", "type") != "confirm-promotion" {
		t.Errorf("the Canary is %v", canary)
	}
}

// The overlay of the README makes the server speak HTTPS: the files are mounted where its flags look for them, and the probes know it.
func TestReadmeHTTPS(t *testing.T) {
	all := applied(t, shown(t, "HTTPS for heapgate serve", 1)[0], nil)
	pod := into[corev1.PodSpec](t, one(t, all, "Deployment", "heapgate-serve").at("spec", "template", "spec").(map[string]any))
	if len(pod.Containers) != 1 {
		t.Fatalf("want one container (got %d)", len(pod.Containers))
	}
	server := pod.Containers[0]
	found := map[string]string{}
	for _, v := range server.Env {
		found[v.Name] = v.Value
	}
	mounts := map[string]string{}
	for _, m := range server.VolumeMounts {
		mounts[m.MountPath] = m.Name
	}
	for variable, file := range map[string]string{"HEAPGATE_TLS_CERT": "tls.crt", "HEAPGATE_TLS_KEY": "tls.key"} {
		if folder, name := path.Split(found[variable]); name != file || mounts[path.Clean(folder)] != "tls" {
			t.Errorf("%s is %s, and mounted is %v", variable, found[variable], mounts)
		}
	}
	if found["HEAPGATE_TOKEN_FILE"] == "" || len(pod.Volumes) != 2 {
		t.Errorf("the token is gone: %v", pod.Volumes)
	}
	for name, probe := range map[string]*corev1.Probe{"liveness": server.LivenessProbe, "readiness": server.ReadinessProbe} {
		if probe.HTTPGet.Scheme != corev1.URISchemeHTTPS || probe.HTTPGet.Path != "/healthz" || probe.HTTPGet.Port.StrVal != "http" {
			t.Errorf("%s: %+v", name, probe.HTTPGet)
		}
	}
}
