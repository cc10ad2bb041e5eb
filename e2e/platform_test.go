// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"sigs.k8s.io/yaml"

	"github.com/heapgate/heapgate/e2e/box"
)

// platform is heapgate on both clusters, put there as users do it: by the ApplicationSet of deploy/clusters.
type platform struct {
	*box.Box
	key string // public, PEM
	dir string // of the signing key
}

var installed struct {
	once sync.Once
	p    *platform
}

var clusters = []string{"one", "two"}

// install returns the platform; the first caller installs it.
func install(t *testing.T) *platform {
	t.Helper()
	b := box.Start(t)
	installed.once.Do(func() {
		p := &platform{Box: b, dir: b.Dir("signing")}
		p.heapgate(t, "policies", "keygen", "--out", p.dir)
		key, err := os.ReadFile(filepath.Join(p.dir, "heapgate-policies.pub"))
		if err != nil {
			t.Fatal(err)
		}
		p.key = string(key)
		p.commitDeploy(t)
		p.commitPolicies(t, "limits: {gc_pause_p99_seconds: 1}") // in a box that shares two processors a pause is waiting, mostly
		p.applyClusters(t)
		p.waitInstalled(t)
		installed.p = p
	})
	if installed.p == nil {
		t.Fatal("heapgate could not be installed: see the first test that tried")
	}
	return installed.p
}

// heapgate runs the command line program.
func (p *platform) heapgate(t *testing.T, args ...string) string {
	t.Helper()
	text, err := exec.Command(p.Program("heapgate"), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("heapgate %s: %v\n%s", strings.Join(args, " "), err, text)
	}
	return string(text)
}

// commitDeploy commits the project's deploy folder as it is, but for times that are made for production.
func (p *platform) commitDeploy(t *testing.T) {
	t.Helper()
	files := box.Folder(t, "../deploy", "deploy")
	agent := filepath.Join("deploy", "collector", "agent", "config.yaml")
	files[agent] = swap(t, files[agent], "collection_interval: 30s", "collection_interval: 5s\n    cost: {max_cpu_share: 0.5}\n    sources: {vars: {enabled: true, load: requests}}")
	files[agent] = swap(t, files[agent], "window: 10m", "window: 1m")
	for path := range files {
		if strings.HasSuffix(path, ".go") {
			delete(files, path)
		}
	}
	p.Git.Commit(t, files)
}

// commitPolicies signs a bundle of the built-in pack with these limits, and commits it as deploy/policies says.
func (p *platform) commitPolicies(t *testing.T, limits string) string {
	t.Helper()
	dir := t.TempDir()
	limitsFile, bundle := filepath.Join(dir, "limits.yaml"), filepath.Join(dir, "bundle.tar.gz")
	if err := os.WriteFile(limitsFile, []byte(limits), 0o600); err != nil {
		t.Fatal(err)
	}
	p.heapgate(t, "policies", "pack", "--limits", limitsFile, "--signing-key", filepath.Join(p.dir, "heapgate-policies.key"), "-o", "bundle", "--out", bundle)
	files := box.Folder(t, "../deploy/policies", "policies")
	text, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	files[filepath.Join("policies", "bundle.tar.gz")] = string(text)
	return p.Git.Commit(t, files)
}

// applyClusters applies deploy/clusters with this box's repository in place of the public ones.
func (p *platform) applyClusters(t *testing.T) {
	t.Helper()
	one := p.Cluster("one")
	for _, name := range clusters {
		one.Patch(t, "secret", box.ArgoNamespace, "cluster-"+name,
			fmt.Sprintf(`{"metadata":{"labels":{"heapgate.dev/enabled":"true","heapgate.dev/cloud-provider":"box","heapgate.dev/cloud-region":"region-%s"}}}`, name))
	}
	for _, file := range []string{"project.yaml", "applicationset.yaml"} {
		text, err := os.ReadFile(filepath.Join("..", "deploy", "clusters", file))
		if err != nil {
			t.Fatal(err)
		}
		manifest := strings.NewReplacer(
			"https://github.com/heapgate/heapgate.git", p.Git.URL, "https://git.example/platform/heapgate.git", p.Git.URL,
			"revision: v0.1.0", "revision: main", "heapgate\n  labels", "heapgate\n  namespace: argocd\n  labels",
		).Replace(string(text))
		one.Apply(t, manifest)
	}
	one.Apply(t, p.render(t, "../deploy/admission/argocd"))
}

func (p *platform) waitInstalled(t *testing.T) {
	t.Helper()
	for _, name := range clusters {
		for _, part := range []string{"collector", "policies", "admission", "exceptions", "watch", "rules"} {
			p.waitApplication(t, "heapgate-"+part+"-"+name, 3*time.Minute)
		}
		p.Cluster(name).WaitDeployed(t, "heapgate", "heapgate-gateway", time.Minute)
		p.Cluster(name).WaitDeployed(t, "heapgate", "heapgate-watch", time.Minute)
	}
}

// waitApplication waits for an Application that the ApplicationSet controller makes.
func (p *platform) waitApplication(t *testing.T, name string, limit time.Duration) {
	t.Helper()
	var last string
	box.Wait(t, "application "+name+" is Synced and Healthy", limit, func() (bool, string) {
		object := p.Cluster("one").Get(t, "applications.argoproj.io", box.ArgoNamespace, name)
		if object == nil {
			return false, "it does not exist"
		}
		var app v1alpha1.Application
		text, err := object.MarshalJSON()
		if err == nil {
			err = yaml.Unmarshal(text, &app)
		}
		if err != nil {
			return false, err.Error()
		}
		last = box.Describe(&app)
		return app.Status.Sync.Status == v1alpha1.SyncStatusCodeSynced && app.Status.Health.Status == "Healthy", last
	})
}

// swap replaces what must be there exactly once.
func swap(t *testing.T, text, old, replacement string) string {
	t.Helper()
	if n := strings.Count(text, old); n != 1 {
		t.Fatalf("%q is there %d times, want once, in:\n%s", old, n, text)
	}
	return strings.Replace(text, old, replacement, 1)
}

// render builds a kustomization with the program that Argo CD calls.
func (p *platform) render(t *testing.T, dir string) string {
	t.Helper()
	text, err := exec.Command(p.Program("kustomize"), "build", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("kustomize build %s: %v\n%s", dir, err, text)
	}
	return string(text)
}
