// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/heapgate/heapgate/e2e/box"
)

// shop is one guarded Application: a namespace, a folder in git, a Deployment of the example service with load on it.
type shop struct {
	p         *platform
	name      string // of Application, namespace and folder
	cluster   *box.Cluster
	component string
	settings  map[string]string // of the gate
	extra     map[string]string // more files of the folder
	note      string            // annotation that tells commits of one image apart
	patches   string            // more of the kustomization
	plain     bool              // without the transformer that fills in the candidate
	rate      int               // requests per second, of 25 orders each
	wave      float64           // share of the rate by which it swings, in 40 s
}

// newShop makes the namespace with its mode of enforcement, and the Application, which is guarded itself. Nothing is deployed
// before the first release.
func (p *platform) newShop(t *testing.T, name, cluster, enforce string, component ...string) *shop {
	t.Helper()
	return p.newShopLabelled(t, name, cluster, enforce, map[string]string{"heapgate.dev/gate": "enforced"}, component...)
}

func (p *platform) newShopLabelled(t *testing.T, name, cluster, enforce string, labels map[string]string, component ...string) *shop {
	t.Helper()
	s := &shop{p: p, name: name, cluster: p.Cluster(cluster), component: "../../deploy/gate/pod", rate: 200, settings: map[string]string{
		"HEAPGATE_CLUSTER": cluster, "HEAPGATE_WINDOW": "1m", "HEAPGATE_STEP": "5s", "HEAPGATE_WAIT": "4m",
		"HEAPGATE_POLICIES": "configmap://heapgate/heapgate-policies", "HEAPGATE_POLICY_KEY": p.key,
	}}
	if len(component) > 0 {
		s.component = component[0]
	}
	s.cluster.Namespace(t, name, "heapgate.dev/enforce="+enforce)
	app := p.Argo.App(name, "apps/"+name, cluster, name)
	app.Labels = labels
	p.Git.Commit(t, map[string]string{"apps/" + name + "/README": "nothing yet"})
	p.Argo.Create(t, app)
	return s
}

const shopManifest = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
  annotations: {note: %q}
spec:
  replicas: 1
  strategy: {type: Recreate}
  selector: {matchLabels: {app: shop}}
  template:
    metadata:
      labels: {app: shop}
      annotations: {heapgate.dev/scrape: "true", heapgate.dev/port: "6060"}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: shop
        image: %s
        env: [{name: GODEBUG, value: gctrace=1}, {name: GOMEMLIMIT, value: 460MiB}]
        ports: [{name: pprof, containerPort: 6060}]
        resources: {limits: {memory: 512Mi}}
        readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
      - name: load
        image: %s
        args: [--url, "http://127.0.0.1:8080", --rate, "%d", --wave, "%g", --period, 40s, --duration, "0"]
`

// commit writes the folder with this image and pushes it.
func (s *shop) commit(t *testing.T, image string) {
	t.Helper()
	var k strings.Builder
	fmt.Fprintf(&k, "resources: [shop.yaml]\ncomponents: [%s]\npatches:\n", s.component)
	if !s.plain {
		k.WriteString("  - target: {kind: ArgoHooks, name: heapgate-settings}\n    patch: |\n")
		for _, key := range slices.Sorted(maps.Keys(s.settings)) {
			fmt.Fprintf(&k, "      - {op: add, path: /items/0/data/%s, value: %q}\n", key, s.settings[key])
		}
	}
	k.WriteString(s.patches)
	if !s.plain {
		k.WriteString("transformers: [../../deploy/gate/deployment]\n")
	}
	folder := "apps/" + s.name + "/"
	files := map[string]string{
		folder + "shop.yaml":          fmt.Sprintf(shopManifest, s.note, image, s.p.Image("load").Ref(), s.rate, s.wave),
		folder + "kustomization.yaml": k.String(),
	}
	for name, text := range s.extra {
		files[folder+name] = text
	}
	s.p.Git.Commit(t, files)
}

// release commits an image and syncs it.
func (s *shop) release(t *testing.T, image box.Image) *v1alpha1.OperationState {
	t.Helper()
	s.commit(t, image.Ref())
	return s.p.Argo.Sync(t, s.name)
}

// automate turns auto-sync with two retries on. A failed commit is not tried again, so there has to be a new one.
func (s *shop) automate(t *testing.T) {
	t.Helper()
	s.p.Argo.Update(t, s.name, func(app *v1alpha1.Application) {
		app.Spec.SyncPolicy.Automated = &v1alpha1.SyncPolicyAutomated{}
		app.Spec.SyncPolicy.Retry = &v1alpha1.RetryStrategy{Limit: 2, Backoff: &v1alpha1.Backoff{Duration: "2s"}}
	})
}

func (s *shop) deployment(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	d := s.cluster.Get(t, "deployments.apps", s.name, "shop")
	if d == nil {
		t.Fatalf("%s: there is no Deployment", s.name)
	}
	return d
}

func (s *shop) generation(t *testing.T) int64 { return s.deployment(t).GetGeneration() }

// runs fails unless every pod is ready and runs the image.
func (s *shop) runs(t *testing.T, image box.Image) {
	t.Helper()
	s.cluster.WaitDeployed(t, s.name, "shop", time.Minute)
	for _, pod := range s.cluster.List(t, "pods", s.name, "app=shop") {
		containers, _, _ := unstructured.NestedSlice(pod.Object, "spec", "containers")
		if got := containers[0].(map[string]any)["image"]; got != image.Ref() {
			t.Errorf("pod %s runs %v, want %s", pod.GetName(), got, image.Ref())
		}
	}
}

// record is what the tests read of a verdict record.
type record struct {
	Admit        bool   `json:"admit"`
	Verdict      string `json:"verdict"`
	Phase        string `json:"phase"`
	Summary      string `json:"summary"`
	Application  string `json:"application"`
	Revision     string `json:"revision"`
	Cluster      string `json:"cluster"`
	PolicyDigest string `json:"policy_digest"`
	At           string `json:"at"`
	Rules        string `json:"rules"`
	WouldBe      string `json:"would_be"`
	Exception    string `json:"exception"`
}

func recordKey(image box.Image) string {
	return "deployment.shop." + strings.TrimPrefix(image.Digest, "sha256:")
}

// record reads the verdict on an image; its zero value if there is none.
func (s *shop) record(t *testing.T, image box.Image) record {
	t.Helper()
	var r record
	object := s.cluster.Get(t, "configmaps", s.name, "heapgate-verdicts")
	if object == nil {
		return r
	}
	text, found, _ := unstructured.NestedString(object.Object, "data", recordKey(image))
	if !found {
		return r
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("record %s: %v in %s", recordKey(image), err, text)
	}
	return r
}

// event fails unless there is an Event with this reason that says all of this.
func (s *shop) event(t *testing.T, reason string, says ...string) {
	t.Helper()
	var all []string
	for _, e := range s.cluster.List(t, "events", s.name, "") {
		message, _, _ := unstructured.NestedString(e.Object, "message")
		got, _, _ := unstructured.NestedString(e.Object, "reason")
		if got == reason && containsAll(message, says) {
			return
		}
		if strings.HasPrefix(got, "Heapgate") {
			all = append(all, got+": "+message)
		}
	}
	t.Errorf("no Event %s that says %q; there are\n%s", reason, says, strings.Join(all, "\n"))
}

// detected waits until the detector's metrics show the workload in this state.
func (s *shop) detected(t *testing.T, state string) {
	t.Helper()
	box.Wait(t, "the detector says "+state, 30*time.Second, func() (bool, string) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		text, err := s.cluster.Kube.CoreV1().Services("heapgate").ProxyGet("http", "heapgate-watch", "metrics", "/metrics", nil).DoRaw(ctx)
		if err != nil {
			return false, err.Error()
		}
		var lines []string
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "heapgate_workload_unverified{") || !strings.Contains(line, `k8s_namespace_name="`+s.name+`"`) {
				continue
			}
			lines = append(lines, line)
			unverified := state != "passed" && state != "measuring"
			if strings.Contains(line, `state="`+state+`"`) && strings.HasSuffix(strings.TrimSpace(line), map[bool]string{true: " 1", false: " 0"}[unverified]) {
				return true, ""
			}
		}
		return false, strings.Join(lines, "")
	})
}

func containsAll(text string, parts []string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}

func succeeded(t *testing.T, state *v1alpha1.OperationState) {
	t.Helper()
	if state.Phase != "Succeeded" {
		t.Fatalf("the sync is %s, want Succeeded: %s", state.Phase, describe(state))
	}
}

// failed fails the test unless the sync failed in this phase, with a hook that says all of this.
func failed(t *testing.T, state *v1alpha1.OperationState, phase string, says ...string) {
	t.Helper()
	if state.Phase != "Failed" {
		t.Fatalf("the sync is %s, want Failed: %s", state.Phase, describe(state))
	}
	for _, r := range box.Results(state) {
		if string(r.SyncPhase) == phase && r.HookPhase == "Failed" && containsAll(r.Message, says) {
			return
		}
	}
	t.Fatalf("no hook of %s failed and said %q: %s", phase, says, describe(state))
}

// ran fails the test unless a gate of this phase ran and succeeded.
func ran(t *testing.T, state *v1alpha1.OperationState, phase string) {
	t.Helper()
	for _, r := range box.Results(state) {
		if string(r.SyncPhase) == phase && strings.HasPrefix(r.Name, "heapgate-") && r.HookPhase == "Succeeded" {
			return
		}
	}
	t.Errorf("no gate of %s ran: %s", phase, describe(state))
}

func describe(state *v1alpha1.OperationState) string {
	return box.Describe(&v1alpha1.Application{Status: v1alpha1.ApplicationStatus{OperationState: state}})
}

// waitGate waits until the gate of a phase runs, and returns its pod's name.
func (s *shop) waitGate(t *testing.T, phase string) (pod string) {
	t.Helper()
	box.Wait(t, "the gate of "+phase+" runs", 2*time.Minute, func() (bool, string) {
		for _, one := range s.cluster.List(t, "pods", s.name, "") {
			running, _, _ := unstructured.NestedString(one.Object, "status", "phase")
			if strings.HasPrefix(one.GetName(), "heapgate-") && strings.Contains(one.GetName(), "-"+phase+"-") && running == "Running" {
				pod = one.GetName()
				return true, ""
			}
		}
		return false, "no such pod runs"
	})
	return pod
}
