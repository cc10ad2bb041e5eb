// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
)

// kubeAPI is a Kubernetes API server that lists and watches objects, so that discovery runs its real client.
type kubeAPI struct {
	kubeconfig string

	mu      sync.Mutex
	changed *sync.Cond
	log     []kubeEvent // every change since the beginning; its index + 1 is the resource version
	refuse  bool        // as without a Role
	closed  bool
}

type kubeEvent struct {
	resource string        // pods
	Type     string        `json:"type"`
	Object   metav1.Object `json:"object"`
}

func newKubeAPI(t *testing.T) *kubeAPI {
	t.Helper()
	api := &kubeAPI{}
	api.changed = sync.NewCond(&api.mu)
	server := httptest.NewServer(api)
	t.Cleanup(func() {
		api.mu.Lock()
		api.closed = true
		api.mu.Unlock()
		api.changed.Broadcast()
		server.Close()
	})
	api.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":{"server":%q}}],"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],"users":[{"name":"u","user":{}}]}`, server.URL)
	if err := os.WriteFile(api.kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return api
}

// set adds or changes an object; remove deletes one.
func (k *kubeAPI) set(o metav1.Object)    { k.change("ADDED", o) }
func (k *kubeAPI) remove(o metav1.Object) { k.change("DELETED", o) }

func (k *kubeAPI) change(kind string, o metav1.Object) {
	resource := ""
	switch o := o.(type) {
	case *corev1.Pod:
		resource, o.TypeMeta = "pods", metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	case *corev1.Node:
		resource, o.TypeMeta = "nodes", metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}
	case *appsv1.ReplicaSet:
		resource, o.TypeMeta = "replicasets", metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ReplicaSet"}
	case *batchv1.Job:
		resource, o.TypeMeta = "jobs", metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if kind == "ADDED" && k.objects(resource)[o.GetNamespace()+"/"+o.GetName()] != nil {
		kind = "MODIFIED"
	}
	o.SetResourceVersion(strconv.Itoa(len(k.log) + 1))
	k.log = append(k.log, kubeEvent{resource, kind, o})
	k.changed.Broadcast()
}

// objects are those that exist now.
func (k *kubeAPI) objects(resource string) map[string]metav1.Object {
	all := map[string]metav1.Object{}
	for _, e := range k.log {
		key := e.Object.GetNamespace() + "/" + e.Object.GetName()
		if e.resource != resource {
			continue
		}
		all[key] = e.Object
		if e.Type == "DELETED" {
			delete(all, key)
		}
	}
	return all
}

func (k *kubeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resource, namespace := path.Base(r.URL.Path), ""
	if _, rest, ok := strings.Cut(r.URL.Path, "/namespaces/"); ok {
		namespace, _, _ = strings.Cut(rest, "/")
	}
	query := r.URL.Query()
	selector, err := fields.ParseSelector(query.Get("fieldSelector"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	matches := func(o metav1.Object) bool {
		set := fields.Set{"metadata.name": o.GetName()}
		if pod, ok := o.(*corev1.Pod); ok {
			set["spec.nodeName"] = pod.Spec.NodeName
		}
		return selector.Matches(set) && (namespace == "" || namespace == o.GetNamespace())
	}
	w.Header().Set("Content-Type", "application/json")
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuse {
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: "Failure", Reason: "Forbidden", Code: 403, Message: resource + " is forbidden"})
		return
	}
	from, _ := strconv.Atoi(query.Get("resourceVersion"))
	initial := query.Get("sendInitialEvents") == "true"
	var existing []metav1.Object
	for _, o := range k.objects(resource) {
		if matches(o) {
			existing = append(existing, o)
		}
	}
	if query.Get("watch") == "" {
		list := map[string]any{"kind": "List", "apiVersion": "v1", "metadata": metav1.ListMeta{ResourceVersion: strconv.Itoa(len(k.log))}, "items": existing}
		_ = json.NewEncoder(w).Encode(list)
		return
	}
	send := func(e any) {
		_ = json.NewEncoder(w).Encode(e)
		w.(http.Flusher).Flush()
	}
	if initial {
		from = len(k.log)
		for _, o := range existing {
			send(kubeEvent{Type: "ADDED", Object: o})
		}
		meta := map[string]any{"resourceVersion": strconv.Itoa(from), "annotations": map[string]string{metav1.InitialEventsAnnotationKey: "true"}}
		kinds := map[string][2]string{"pods": {"v1", "Pod"}, "nodes": {"v1", "Node"}, "replicasets": {"apps/v1", "ReplicaSet"}, "jobs": {"batch/v1", "Job"}}
		send(map[string]any{"type": "BOOKMARK", "object": map[string]any{"apiVersion": kinds[resource][0], "kind": kinds[resource][1], "metadata": meta}})
	}
	w.(http.Flusher).Flush()
	stop := make(chan struct{})
	defer close(stop)
	go func() { // wakes the loop below when the client goes away
		select {
		case <-r.Context().Done():
			k.mu.Lock()
			defer k.mu.Unlock()
			k.changed.Broadcast()
		case <-stop:
		}
	}()
	for r.Context().Err() == nil && !k.closed {
		for ; from < len(k.log); from++ {
			if e := k.log[from]; e.resource == resource && matches(e.Object) {
				send(e)
			}
		}
		k.changed.Wait()
	}
}
