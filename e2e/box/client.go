// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package box

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"
)

// A request takes at most this long.
const requestLimit = 30 * time.Second

func newMapper(kube kubernetes.Interface) *restmapper.DeferredDiscoveryRESTMapper {
	return restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(kube.Discovery()))
}

func limited(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
	t.Cleanup(cancel)
	return ctx
}

// Resource gives access to objects of a kind, written as kubectl takes it: deployment, applications.argoproj.io.
func (c *Cluster) Resource(kind, namespace string) (dynamic.ResourceInterface, error) {
	group := schema.ParseGroupResource(strings.ToLower(kind))
	mapping, err := c.mapper.ResourceFor(group.WithVersion(""))
	if meta.IsNoMatchError(err) { // perhaps it was installed a moment ago
		c.mapper.Reset()
		mapping, err = c.mapper.ResourceFor(group.WithVersion(""))
	}
	if err != nil {
		return nil, err
	}
	if namespace == "" {
		return c.Dynamic.Resource(mapping), nil
	}
	return c.Dynamic.Resource(mapping).Namespace(namespace), nil
}

func (c *Cluster) resource(t testing.TB, kind, namespace string) dynamic.ResourceInterface {
	t.Helper()
	r, err := c.Resource(kind, namespace)
	if err != nil {
		t.Fatalf("cluster %s: %v", c.Name, err)
	}
	return r
}

// TryApply applies each object of a YAML stream (server-side, forced) as `kubectl apply` does, and returns the first error.
func (c *Cluster) TryApply(t testing.TB, manifests string) error {
	t.Helper()
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		if len(object.Object) == 0 {
			continue
		}
		if err := c.applyObject(limited(t), object); err != nil {
			return fmt.Errorf("apply %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
}

func (c *Cluster) applyObject(ctx context.Context, object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		c.mapper.Reset()
		mapping, err = c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	}
	if err != nil {
		return err
	}
	var to dynamic.ResourceInterface = c.Dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		namespace := object.GetNamespace()
		if namespace == "" {
			namespace = "default"
		}
		to = c.Dynamic.Resource(mapping.Resource).Namespace(namespace)
	}
	_, err = to.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "e2e", Force: true})
	return err
}

// Apply applies a YAML stream.
func (c *Cluster) Apply(t testing.TB, manifests string) {
	t.Helper()
	if err := c.TryApply(t, manifests); err != nil {
		t.Fatalf("cluster %s: %v", c.Name, err)
	}
}

// Get returns an object, or nil if there is none.
func (c *Cluster) Get(t testing.TB, kind, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	object, err := c.resource(t, kind, namespace).Get(limited(t), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatalf("cluster %s: get %s %s/%s: %v", c.Name, kind, namespace, name, err)
	}
	return object
}

// List returns the objects of a kind in a namespace ("" for all) that a label selector fits.
func (c *Cluster) List(t testing.TB, kind, namespace, selector string) []unstructured.Unstructured {
	t.Helper()
	list, err := c.resource(t, kind, namespace).List(limited(t), metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		t.Fatalf("cluster %s: list %s in %q: %v", c.Name, kind, namespace, err)
	}
	return list.Items
}

// TryPatch applies a JSON merge patch.
func (c *Cluster) TryPatch(t testing.TB, kind, namespace, name, patch string) error {
	t.Helper()
	_, err := c.resource(t, kind, namespace).Patch(limited(t), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "e2e"})
	return err
}

// Patch applies a JSON merge patch.
func (c *Cluster) Patch(t testing.TB, kind, namespace, name, patch string) {
	t.Helper()
	if err := c.TryPatch(t, kind, namespace, name, patch); err != nil {
		t.Fatalf("cluster %s: patch %s %s/%s: %v", c.Name, kind, namespace, name, err)
	}
}

// Delete deletes an object and does not wait; none is no error.
func (c *Cluster) Delete(t testing.TB, kind, namespace, name string) {
	t.Helper()
	background := metav1.DeletePropagationBackground
	err := c.resource(t, kind, namespace).Delete(limited(t), name, metav1.DeleteOptions{PropagationPolicy: &background})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatalf("cluster %s: delete %s %s/%s: %v", c.Name, kind, namespace, name, err)
	}
}

// Namespace makes a namespace that goes away after the test. Labels are key=value.
func (c *Cluster) Namespace(t testing.TB, name string, labels ...string) {
	t.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}}
	set := map[string]string{}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		set[key] = value
	}
	object.SetLabels(set)
	if err := c.applyObject(limited(t), object); err != nil {
		t.Fatalf("cluster %s: namespace %s: %v", c.Name, name, err)
	}
	t.Cleanup(func() { c.Delete(t, "namespace", "", name) })
}

// Logs returns the log of a pod's container ("" if it has one only), or the reason why there is none.
func (c *Cluster) Logs(t testing.TB, namespace, pod, container string) string {
	t.Helper()
	text, err := c.Kube.CoreV1().Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{Container: container}).DoRaw(limited(t))
	if err != nil {
		return "no log: " + err.Error()
	}
	return string(text)
}

// Kubectl runs kubectl as the cluster's administrator and returns all it printed.
func (c *Cluster) Kubectl(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, c.box.Program("kubectl"), args...)
	command.Env = append(c.box.environment(), "KUBECONFIG="+c.Kubeconfig)
	text, err := command.CombinedOutput()
	return string(text), err
}

// WaitReady waits until the API server answers again.
func (c *Cluster) WaitReady(t testing.TB) {
	t.Helper()
	Wait(t, "API server of cluster "+c.Name, time.Minute, func() (bool, string) {
		err := c.ready()
		return err == nil, fmt.Sprint(err)
	})
}

// Wait asks done until it is, and fails the test with the last state it told when the time is over.
func Wait(t testing.TB, what string, limit time.Duration, done func() (bool, string)) {
	t.Helper()
	began := time.Now()
	for {
		ok, state := done()
		if ok {
			return
		}
		if time.Since(began) > limit {
			t.Fatalf("%s: not after %v: %s", what, limit, state)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// WaitGone waits until an object is gone.
func (c *Cluster) WaitGone(t testing.TB, kind, namespace, name string, limit time.Duration) {
	t.Helper()
	Wait(t, kind+" "+name+" is gone", limit, func() (bool, string) {
		return c.Get(t, kind, namespace, name) == nil, "it is still there"
	})
}

// WaitDeployed waits until a Deployment's pods all run its present template and are ready.
func (c *Cluster) WaitDeployed(t testing.TB, namespace, name string, limit time.Duration) {
	t.Helper()
	Wait(t, "deployment "+namespace+"/"+name, limit, func() (bool, string) {
		ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
		defer cancel()
		d, err := c.Kube.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		want, s := int32(1), d.Status
		if d.Spec.Replicas != nil {
			want = *d.Spec.Replicas
		}
		ready := s.ObservedGeneration >= d.Generation && s.UpdatedReplicas == want && s.AvailableReplicas == want && s.Replicas == want
		return ready, fmt.Sprintf("%d wanted, %d updated, %d available, %d in all", want, s.UpdatedReplicas, s.AvailableReplicas, s.Replicas)
	})
}
