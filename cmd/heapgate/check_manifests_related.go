// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"
	"time"

	"github.com/heapgate/heapgate/internal/hooks"
)

// relations are the objects of the same input that refer to workloads: what opens a pod to others, and what scales it.
type relations struct {
	services, routes, scalers []relative
}

// relative is one such object, with the names that it says.
type relative struct {
	namespace string
	value     map[string]any
	selector  map[string]any  // of a Service
	names     map[string]bool // of Services, or KIND/NAME of a target
	name      string
}

// maxRelated is how many objects are judged together with one workload.
const maxRelated = 1000

// relations reads them once. Policies of an older version know no related objects, and get none: then they are nil.
func (j *judge) relations(ctx context.Context, objects []hooks.Object, now time.Time) (*relations, error) {
	probe := map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{}, "spec": map[string]any{}, "related": []any{}}
	if _, err := j.pack.EvaluateManifest(ctx, probe, now); err != nil {
		return nil, nil
	}
	r := &relations{}
	for _, o := range objects {
		list := r.listOf(o)
		if list == nil {
			continue
		}
		value, err := o.Value()
		if err != nil {
			return nil, err
		}
		made := relative{namespace: o.Namespace, value: value, name: o.Name, names: map[string]bool{}}
		switch spec, _ := value["spec"].(map[string]any); list {
		case &r.services:
			made.selector, _ = spec["selector"].(map[string]any)
		case &r.routes:
			backends(spec, made.names, 0)
		case &r.scalers:
			for _, field := range []string{"scaleTargetRef", "targetRef"} {
				target, _ := spec[field].(map[string]any)
				kind, _ := target["kind"].(string)
				name, _ := target["name"].(string)
				if kind == "" && o.Kind == "ScaledObject" {
					kind = "Deployment" // KEDA's default
				}
				made.names[kind+"/"+name] = true
			}
		}
		*list = append(*list, made)
	}
	return r, nil
}

func (r *relations) listOf(o hooks.Object) *[]relative {
	switch {
	case o.Kind == "Service" && !strings.Contains(o.APIVersion, "/"):
		return &r.services
	case o.Kind == "Ingress" || o.Kind == "Route" || o.Kind == "VirtualService" || o.Kind == "IngressRoute" || strings.HasSuffix(o.Kind, "Route") &&
		strings.HasPrefix(o.APIVersion, "gateway.networking.k8s.io/"):
		return &r.routes
	case o.Kind == "HorizontalPodAutoscaler" || o.Kind == "VerticalPodAutoscaler" || o.Kind == "ScaledObject":
		return &r.scalers
	}
	return nil
}

// backends collects the names of Services from wherever a kind keeps them: service.name and serviceName of an Ingress, backendRefs[].name
// of Gateway routes, to.name of OpenShift's, destination.host of Istio's, services[].name of Traefik's.
func backends(node any, names map[string]bool, depth int) {
	if depth > 32 {
		return
	}
	switch n := node.(type) {
	case []any:
		for _, child := range n {
			backends(child, names, depth+1)
		}
	case map[string]any:
		for key, child := range n {
			switch key {
			case "service", "backendRefs", "to", "services", "alternateBackends":
				named(child, names)
			case "serviceName", "host":
				if name, ok := child.(string); ok {
					first, _, _ := strings.Cut(name, ".")
					names[first] = true
				}
			}
			backends(child, names, depth+1)
		}
	}
}

func named(node any, names map[string]bool) {
	switch n := node.(type) {
	case []any:
		for _, child := range n {
			named(child, names)
		}
	case map[string]any:
		if name, ok := n["name"].(string); ok {
			names[name] = true
		}
	}
}

// of lists what refers to a workload: Services that select its pods, routes to those Services, and what scales it.
func (r *relations) of(o hooks.Object, value map[string]any) []any {
	found := []any{}
	add := func(one relative) {
		if len(found) < maxRelated {
			found = append(found, one.value)
		}
	}
	labels := podLabels(o, value)
	services := map[string]bool{}
	for _, s := range r.services {
		if sameNamespace(s.namespace, o.Namespace) && selects(s.selector, labels) {
			services[s.name] = true
			add(s)
		}
	}
	for _, route := range r.routes {
		if sameNamespace(route.namespace, o.Namespace) && common(route.names, services) {
			add(route)
		}
	}
	for _, s := range r.scalers {
		if sameNamespace(s.namespace, o.Namespace) && s.names[o.Kind+"/"+o.Name] {
			add(s)
		}
	}
	return found
}

// sameNamespace: an object that names none comes where the rest goes.
func sameNamespace(a, b string) bool { return a == b || a == "" || b == "" }

func selects(selector, labels map[string]any) bool {
	for key, want := range selector {
		if got, ok := labels[key]; !ok || got != want {
			return false
		}
	}
	return len(selector) > 0
}

func common(a, b map[string]bool) bool {
	for name := range b {
		if a[name] {
			return true
		}
	}
	return false
}

// podLabels are the labels beside the pod's spec.
func podLabels(o hooks.Object, value map[string]any) map[string]any {
	path := podPath(o)
	node := value
	for _, step := range path[:len(path)-1] {
		node, _ = node[step.(string)].(map[string]any)
	}
	metadata, _ := node["metadata"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	return labels
}
