// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/heapgate/heapgate/internal/guard"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// application writes a kustomization beside the copied folders, so that ../gate is ours.
func application(t *testing.T, kustomization string, files map[string]string) string {
	t.Helper()
	folder, err := os.MkdirTemp(copied(t), "app")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(kustomization), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

func applied(t *testing.T, kustomization string, files map[string]string) []object {
	t.Helper()
	text, err := build(application(t, kustomization, files))
	if err != nil {
		t.Fatalf("%v in\n%s", err, kustomization)
	}
	return parse(t, text)
}

var remote = regexp.MustCompile(`https://github\.com/heapgate/heapgate//deploy/([a-z/-]+)\?ref=(v[0-9.]+)`)

// shown are the YAML blocks below a heading of the README, with references to a release replaced by this very tree.
func shown(t *testing.T, heading string, want int) []string {
	t.Helper()
	_, behind, ok := strings.Cut(read(t, "README.md"), "# "+heading+"\n")
	if !ok {
		t.Fatalf("README.md has no heading %q", heading)
	}
	section, _, _ := strings.Cut(behind, "\n##")
	var blocks []string
	for i, part := range strings.Split(section, "```yaml\n") {
		if i > 0 {
			blocks = append(blocks, strings.Split(part, "```")[0])
		}
	}
	if len(blocks) != want {
		t.Fatalf("%s: want %d YAML blocks (got %d)", heading, want, len(blocks))
	}
	for i := range blocks {
		for _, m := range remote.FindAllStringSubmatch(blocks[i], -1) {
			if m[2] != release(t) {
				t.Errorf("%s: refers to %s, this is %s", heading, m[2], release(t))
			}
		}
		blocks[i] = remote.ReplaceAllString(blocks[i], "../$1")
	}
	return blocks
}

const someShop = `apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, annotations: {heapgate.dev/container: shop}}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
        - {name: proxy, image: registry.example/proxy}
        - {name: shop, image: registry.example/shop}
`

// The three lines of the README put the gate around an application.
func TestReadmeThreeLines(t *testing.T) {
	block := shown(t, "The gate in an application", 1)[0]
	_, gate, _ := strings.Cut(block, "# the gate\n")
	if lines := strings.Count("# the gate\n"+gate, "\n"); lines != 3 {
		t.Errorf("want three lines (got %d)", lines)
	}
	all := applied(t, block, map[string]string{"deployment.yaml": someShop})
	workload, candidate := one(t, all, "Deployment", "shop"), one(t, all, "PodTemplate", "")
	read, guarded, err := guard.FromObject(workload)
	if err != nil || !guarded || read.Digest == "" {
		t.Errorf("want a guarded and pinned workload (got %v, %+v, %v)", guarded, read, err)
	}
	if _, image, err := guard.Container(candidate.at("template").(map[string]any), candidate.annotation(guard.AnnotationContainer)); err != nil || image != read.Image {
		t.Errorf("the candidate's image is %q (%v), want %q", image, err, read.Image)
	}
	one(t, all, "Job", "")
}

// The patches of the README change what they say.
func TestReadmeSettings(t *testing.T) {
	base := shown(t, "The gate in an application", 1)[0]
	all := applied(t, base+shown(t, "Settings", 1)[0], map[string]string{"deployment.yaml": someShop})
	settings, job := one(t, all, "ConfigMap", "heapgate-gate"), one(t, all, "Job", "")
	if settings.text("data", "HEAPGATE_WINDOW") != "5m" || settings.text("data", "HEAPGATE_NOTIFY_URL") == "" || settings.text("data", "HEAPGATE_CLUSTER") == "" {
		t.Errorf("the settings are %v", settings.at("data"))
	}
	if job.text("spec", "template", "spec", "priorityClassName") == "" || job.text("spec", "template", "spec", "serviceAccountName") == "" {
		t.Errorf("the Job is %v", job)
	}
	all = applied(t, base+shown(t, "Policies of your own", 1)[0], map[string]string{"deployment.yaml": someShop})
	settings = one(t, all, "ConfigMap", "heapgate-gate")
	policies := one(t, render(t, "policies"), "ConfigMap", "heapgate-policies")
	where := "configmap://" + policies.text("metadata", "namespace") + "/" + policies.name()
	if settings.text("data", "HEAPGATE_POLICIES") != where || !strings.HasPrefix(settings.text("data", "HEAPGATE_POLICY_KEY"), "-----BEGIN PUBLIC KEY-----\n") {
		t.Errorf("want the policies at %s and a key (got %v)", where, settings.at("data"))
	}
}

// With a transformer of their own, those with two Deployments say which one is meant.
func TestReadmeSeveralWorkloads(t *testing.T) {
	all := applied(t, "resources: [deployment.yaml, worker.yaml]\ncomponents: [../gate]\ntransformers: [guarded.yaml]\n", map[string]string{
		"deployment.yaml": someShop, "worker.yaml": strings.ReplaceAll(someShop, "shop", "worker"), "guarded.yaml": shown(t, "Several workloads", 1)[0],
	})
	candidate := one(t, all, "PodTemplate", "")
	if candidate.annotation(guard.AnnotationWorkloadName) != "shop" || candidate.annotation(guard.AnnotationContainer) != "shop" {
		t.Errorf("the candidate is of %v", candidate.at("metadata", "annotations"))
	}
	if image := candidate.at("template", "spec", "containers", "1", "image"); image != "registry.example/shop" {
		t.Errorf("the candidate's image is %v", image)
	}
}

// The candidate of a StatefulSet with claims gets volumes, the StatefulSet does not.
func TestReadmeClaims(t *testing.T) {
	all := applied(t, "resources: [store.yaml]\ncomponents: [../gate]\ntransformers: [../gate/statefulset, claims.yaml]\n", map[string]string{
		"store.yaml": strings.ReplaceAll(someShop, "Deployment", "StatefulSet"), "claims.yaml": shown(t, "A StatefulSet with claims", 1)[0],
	})
	if name := one(t, all, "PodTemplate", "").at("template", "spec", "volumes", "0", "name"); name != "data" {
		t.Errorf("the candidate's volume is %v", name)
	}
	if volumes := one(t, all, "StatefulSet", "shop").at("spec", "template", "spec", "volumes"); volumes != nil {
		t.Errorf("the StatefulSet has got volumes: %v", volumes)
	}
}

// The overlays of the README say what they are about.
func TestReadmeOverlays(t *testing.T) {
	all := applied(t, shown(t, "One cluster", 1)[0], nil)
	cluster := one(t, all, "ConfigMap", "heapgate-cluster")
	if cluster.text("data", "CLUSTER") != "prod-eu-1" || cluster.text("data", "CLOUD_REGION") != "eu-west-1" {
		t.Errorf("the cluster is %v", cluster.at("data"))
	}
	if from := one(t, all, "DaemonSet", "heapgate-agent").at("spec", "template", "spec", "containers", "0", "envFrom", "0", "configMapRef", "name"); from != cluster.name() {
		t.Errorf("the agent reads %v, not %s", from, cluster.name())
	}
	access := applied(t, shown(t, "What it may do", 1)[0], nil)
	role, binding := one(t, access, "Role", "shop-heapgate-gate-application"), one(t, access, "RoleBinding", "shop-heapgate-gate-application")
	if role.at("rules", "0", "resourceNames", "0") != "shop" || binding.at("subjects", "0", "namespace") != "shop" || binding.text("roleRef", "name") != role.name() || role.text("metadata", "namespace") != "argocd" {
		t.Errorf("the access is %v and %v", role, binding)
	}
	clusters := applied(t, shown(t, "Many clusters", 1)[0], nil)
	if strings.Contains(string(must(t, clusters)), "git.example") {
		t.Error("the overlay leaves the placeholder git.example in place")
	}
}
