// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"encoding/json"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/heapgate/heapgate/internal/exception"
	"github.com/heapgate/heapgate/internal/guard"
	"github.com/heapgate/heapgate/internal/record"
)

// entry is one record as the detector keeps it.
type entry struct {
	record  record.Record
	problem error  // why it cannot be read
	writer  string // the field manager that wrote it; "" if the API server did not say
}

// maxReason is how much of a record's summary is kept: namespaces with thousands of records must fit in memory.
const maxReason = 256

// records is what is kept of a ConfigMap with records.
type records struct {
	metav1.ObjectMeta
	entries map[string]entry
	opened  []opened
}

// slim keeps of an object only what decisions need, before it enters a cache.
func slim(object any) (any, error) {
	u, ok := object.(*unstructured.Unstructured)
	if !ok {
		return object, nil // slim already, or the mark of a deletion
	}
	switch u.GetKind() {
	case "ConfigMap":
		return slimRecords(u), nil
	case exception.Kind:
		return slimException(u), nil
	}
	return slimWorkload(u), nil
}

func slimWorkload(u *unstructured.Unstructured) *unstructured.Unstructured {
	kept := &unstructured.Unstructured{Object: map[string]any{"apiVersion": u.GetAPIVersion(), "kind": u.GetKind()}}
	kept.SetNamespace(u.GetNamespace())
	kept.SetName(u.GetName())
	kept.SetUID(u.GetUID())
	kept.SetResourceVersion(u.GetResourceVersion())
	kept.SetLabels(map[string]string{guard.LabelGuarded: u.GetLabels()[guard.LabelGuarded]})
	if named, ok := u.GetAnnotations()[guard.AnnotationContainer]; ok {
		kept.SetAnnotations(map[string]string{guard.AnnotationContainer: named})
	}
	found, _, _ := unstructured.NestedFieldNoCopy(u.Object, "spec", "template", "spec", "containers")
	list, _ := found.([]any)
	containers := make([]any, 0, len(list))
	for _, one := range list {
		c, _ := one.(map[string]any)
		containers = append(containers, map[string]any{"name": c["name"], "image": c["image"]})
	}
	kept.Object["spec"] = map[string]any{"template": map[string]any{"spec": map[string]any{"containers": containers}}}
	return kept
}

func slimRecords(u *unstructured.Unstructured) *records {
	kept := &records{entries: map[string]entry{}}
	kept.Namespace, kept.Name, kept.ResourceVersion = u.GetNamespace(), u.GetName(), u.GetResourceVersion()
	writers := writersOf(u.GetManagedFields())
	data, _, _ := unstructured.NestedFieldNoCopy(u.Object, "data")
	values, _ := data.(map[string]any)
	for key, value := range values {
		text, _ := value.(string)
		if opens, ok := opensOf(kept.Namespace, key, text); ok {
			kept.opened = append(kept.opened, opens)
			continue
		}
		one := entry{writer: writers[key]}
		one.record, one.problem = record.Decode(text)
		if one.record.Summary = strings.Clone(one.record.Summary); len(one.record.Summary) > maxReason {
			one.record.Summary = strings.ToValidUTF8(one.record.Summary[:maxReason], "") + "..."
		}
		kept.entries[key] = one
	}
	return kept
}

// writersOf tells who wrote each value of a ConfigMap, as the API server remembers it.
func writersOf(fields []metav1.ManagedFieldsEntry) map[string]string {
	writers := map[string]string{}
	for _, managed := range fields {
		if managed.FieldsV1 == nil {
			continue
		}
		var owned struct {
			Data map[string]json.RawMessage `json:"f:data"`
		}
		if json.Unmarshal(managed.FieldsV1.GetRawBytes(), &owned) != nil {
			continue
		}
		for field := range owned.Data {
			if key, ok := strings.CutPrefix(field, "f:"); ok {
				writers[key] = managed.Manager
			}
		}
	}
	return writers
}

// find is the record of a workload's live image; nil if there is none.
func (r *records) find(w guard.Workload) *entry {
	key, err := record.Key(w.Kind, w.Name, w.Digest)
	if r == nil || err != nil {
		return nil
	}
	found, ok := r.entries[key]
	if !ok {
		return nil
	}
	return &found
}

// guarded reads a slim workload again.
func guarded(u *unstructured.Unstructured) (guard.Workload, error, bool) {
	w, is, err := guard.FromObject(u.Object)
	return w, err, is
}

func sortStatuses(all []Status) {
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.id(), b.id()) })
}
