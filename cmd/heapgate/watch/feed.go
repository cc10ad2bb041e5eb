// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
	"github.com/heapgate/heapgate/internal/guard"
	"github.com/heapgate/heapgate/internal/record"
)

// kind is one kind of object that the detector looks at, and how few of them it asks for.
type kind struct {
	resource       schema.GroupVersionResource
	labels, fields string
	optional       bool // there may be none of the kind, and no right to see it
}

var configMaps = kind{
	resource: schema.GroupVersionResource{Version: "v1", Resource: "configmaps"},
	// With this selector RBAC can allow the records and no other ConfigMap.
	fields: "metadata.name=" + record.ConfigMapName,
}

var kinds = []kind{workloads("deployments"), workloads("statefulsets"), workloads("daemonsets"), configMaps}

func workloads(resource string) kind {
	return kind{resource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: resource}, labels: guard.LabelGuarded + "=true"}
}

func (k kind) options(o metav1.ListOptions) metav1.ListOptions {
	o.LabelSelector, o.FieldSelector = k.labels, k.fields
	return o
}

// explain makes a sentence with the missing verb of a denial.
func (k kind) explain(verb, namespace string, err error) error {
	if apierrors.IsForbidden(err) {
		denied := &cluster.Denied{Verb: verb, Resource: k.resource.Resource, Group: k.resource.Group, Namespace: namespace}
		if k.fields != "" {
			denied.Name = record.ConfigMapName
		}
		return denied
	}
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err // without the address, which is another one each time
	}
	return fmt.Errorf("kubernetes: %s %s: %w", verb, k.resource.Resource, err)
}

// listTimeout bounds one list. A watch ends when the API server ends it, or when the connection answers no ping.
const listTimeout = time.Minute

// feed keeps a cache of one kind filled. Its informer comes back by itself after an outage; feed only knows whether it is away.
type feed struct {
	kind
	informer cache.SharedIndexInformer

	mu      sync.Mutex
	problem error
}

// newFeed calls failed for every failure and changed for every change.
func newFeed(client dynamic.Interface, k kind, namespace string, changed func(), failed func(error)) (*feed, error) {
	f := &feed{kind: k}
	note := func(verb string, err error) error {
		if err != nil {
			err = k.explain(verb, namespace, err)
		}
		f.mu.Lock()
		f.problem = err
		f.mu.Unlock()
		if err != nil {
			failed(err)
		}
		return err
	}
	resource := client.Resource(k.resource).Namespace(namespace)
	lists := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			bounded, cancel := context.WithTimeout(ctx, listTimeout)
			defer cancel()
			list, err := resource.List(bounded, k.options(o))
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if k.absent(err) {
				return &unstructured.UnstructuredList{Object: map[string]any{"kind": "List", "apiVersion": "v1"}}, note("list", nil)
			}
			if err := note("list", err); err != nil {
				return nil, err
			}
			return list, nil
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (kwatch.Interface, error) {
			watching, err := resource.Watch(ctx, k.options(o))
			if ctx.Err() != nil {
				if err == nil {
					watching.Stop()
				}
				return nil, ctx.Err()
			}
			if k.absent(err) || apierrors.IsResourceExpired(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) {
				return nil, err // part of the informer's protocol: it lists again
			}
			return watching, note("watch", err)
		},
	}
	f.informer = cache.NewSharedIndexInformer(cache.ToListWatcherWithWatchListSemantics(lists, client), &unstructured.Unstructured{}, 0, nil)
	if err := f.informer.SetTransform(slim); err != nil {
		return nil, err
	}
	// The errors have been told above; client-go's own handler would write them past our log.
	quiet := func(context.Context, *cache.Reflector, error) {}
	if err := f.informer.SetWatchErrorHandlerWithContext(quiet); err != nil {
		return nil, err
	}
	_, err := f.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changed() },
		UpdateFunc: func(any, any) { changed() },
		DeleteFunc: func(any) { changed() },
	})
	return f, err
}

// state tells whether the cache was ever filled, and what is wrong now.
func (f *feed) state() (filled bool, problem error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.informer.HasSynced(), f.problem
}
