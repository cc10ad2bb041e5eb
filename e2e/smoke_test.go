// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/heapgate/heapgate/e2e/box"
)

// TestSmoke shows that the box itself is real: Argo CD deploys to both clusters, pods reach each other by name, a hook can stop
// a sync, and admission policies are enforced.
func TestSmoke(t *testing.T) {
	b := box.Start(t)
	for _, cluster := range []string{"one", "two"} {
		t.Run("deploy to "+cluster, func(t *testing.T) { t.Parallel(); smokeDeploy(t, b, cluster) })
	}
	t.Run("hook", func(t *testing.T) { t.Parallel(); smokeHook(t, b) })
	t.Run("admission", func(t *testing.T) { t.Parallel(); smokeAdmission(t, b) })
}

func smokeDeploy(t *testing.T, b *box.Box, cluster string) {
	name := "smoke-" + cluster
	b.Git.Commit(t, map[string]string{
		name + "/kustomization.yaml": "resources: [shop.yaml, customer.yaml]",
		name + "/shop.yaml":          strings.ReplaceAll(smokeShop, "IMAGE", b.Image("shop-good").Ref()),
		name + "/customer.yaml":      strings.ReplaceAll(smokeCustomer, "IMAGE", b.Image("load").Tagged()),
	})
	b.Argo.Create(t, b.Argo.App(name, name, cluster, "smoke"))
	if done := b.Argo.Sync(t, name); done.Phase != "Succeeded" {
		t.Fatal(box.Describe(b.Argo.Get(t, name)))
	}
	b.Argo.WaitHealthy(t, name, time.Minute)
	pod := b.Cluster(cluster).List(t, "pods", "smoke", "app=shop")[0]
	if node, _, _ := unstructured.NestedString(pod.Object, "spec", "nodeName"); node != cluster+"-node" {
		t.Errorf("the shop for cluster %s runs on node %s", cluster, node)
	}
	if log := b.Cluster(cluster).Logs(t, "smoke", pod.GetName(), "shop"); !strings.Contains(log, "version=good") {
		t.Errorf("want the shop's log, got %q", log)
	}
}

func smokeHook(t *testing.T, b *box.Box) {
	b.Git.Commit(t, map[string]string{
		"smoke-hook/kustomization.yaml": "resources: [hook.yaml]",
		"smoke-hook/hook.yaml":          strings.ReplaceAll(smokeWrapper, "IMAGE", b.Image("shop-good").Ref()),
	})
	b.Argo.Create(t, b.Argo.App("smoke-hook", "smoke-hook", "one", "smoke-hook"))
	done := b.Argo.Sync(t, "smoke-hook")
	if text := box.Describe(b.Argo.Get(t, "smoke-hook")); done.Phase != "Failed" || !strings.Contains(text, "shop takes flags only") {
		t.Errorf("want a failed sync with the hook's last words, got:\n%s", text)
	}
}

func smokeAdmission(t *testing.T, b *box.Box) {
	two := b.Cluster("two")
	two.Namespace(t, "smoke-admission")
	two.Apply(t, smokePolicy)
	t.Cleanup(func() {
		two.Delete(t, "validatingadmissionpolicybindings", "", "smoke")
		two.Delete(t, "validatingadmissionpolicies", "", "smoke")
	})
	object := func(data string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: smoke, namespace: smoke-admission}\ndata: {smoke: " + data + "}\n"
	}
	box.Wait(t, "the policy is enforced", time.Minute, func() (bool, string) {
		err := two.TryApply(t, object("forbidden"))
		return err != nil && strings.Contains(err.Error(), "no smoking"), fmt.Sprintf("a forbidden object was answered with: %v", err)
	})
	two.Apply(t, object("allowed"))
}

const smokeShop = `apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
      - name: shop
        image: IMAGE
        readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec:
  selector: {app: shop}
  ports: [{name: http, port: 80, targetPort: 8080}]
`

// The customer finds the shop by the name of its Service, and fails if no order was taken.
const smokeCustomer = `apiVersion: batch/v1
kind: Job
metadata:
  name: customer
  annotations: {argocd.argoproj.io/hook: PostSync}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: customer
        image: IMAGE
        args: ["--url=http://shop.smoke.svc.cluster.local", "--rate=20", "--duration=2s"]
`

// A hook inside a wrapper, which Argo CD unfolds. The shop refuses its argument and says so.
const smokeWrapper = `apiVersion: heapgate.dev/v1
kind: ArgoHooks
metadata: {name: hooks}
items:
- apiVersion: v1
  kind: Pod
  metadata:
    generateName: smoke-
    annotations: {argocd.argoproj.io/hook: PreSync, argocd.argoproj.io/hook-delete-policy: HookSucceeded}
  spec:
    restartPolicy: Never
    containers:
    - name: smoke
      image: IMAGE
      args: [nonsense]
      terminationMessagePolicy: FallbackToLogsOnError
`

const smokePolicy = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: smoke}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE, UPDATE]}]
  matchConditions: [{name: ours, expression: "object.metadata.namespace == 'smoke-admission' && has(object.data)"}]
  validations: [{expression: "!('smoke' in object.data) || object.data.smoke != 'forbidden'", message: no smoking}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: smoke}
spec: {policyName: smoke, validationActions: [Deny]}
`
