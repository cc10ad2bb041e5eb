// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/heapgate/heapgate/internal/record"
)

// Verdict is one record to write, and the records that have to go for it.
type Verdict struct {
	Namespace, Key, Value string
	Remove                []string
	// Version is that of the ConfigMap as it was read. If somebody has changed it since, nothing is written and the error is a conflict.
	// "" writes whatever has changed.
	Version string
	// Labels and Annotations for a ConfigMap that has to be created.
	Labels, Annotations map[string]string
}

// PatchVerdict writes one record and touches no other: a merge patch of its key. Without the ConfigMap it creates it.
func (c *Client) PatchVerdict(ctx context.Context, v Verdict) error {
	data := map[string]any{}
	for _, key := range v.Remove {
		data[key] = nil
	}
	data[v.Key] = v.Value
	object := map[string]any{"data": data}
	if v.Version != "" {
		c, object["metadata"] = c.Impatient(), map[string]any{"resourceVersion": v.Version}
	}
	patch, err := json.Marshal(object)
	if err != nil {
		return err
	}
	err = c.patchRecords(ctx, v.Namespace, patch)
	if !IsMissing(err) {
		return err
	}
	err = c.createRecords(ctx, v)
	if apierrors.IsAlreadyExists(err) { // Somebody else has created it in between.
		return c.patchRecords(ctx, v.Namespace, patch)
	}
	return err
}

func (c *Client) patchRecords(ctx context.Context, namespace string, patch []byte) error {
	return c.call(ctx, target{"patch", configMaps, namespace, record.ConfigMapName}, func(ctx context.Context) error {
		_, err := c.dynamic.Resource(configMaps).Namespace(namespace).Patch(ctx, record.ConfigMapName, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
}

// PutBinary writes one value into the binaryData of a ConfigMap and takes others out; without the ConfigMap it creates it.
func (c *Client) PutBinary(ctx context.Context, namespace, name, key string, content []byte, remove []string) error {
	binary := map[string]any{}
	for _, old := range remove {
		binary[old] = nil
	}
	binary[key] = base64.StdEncoding.EncodeToString(content)
	patch, err := json.Marshal(map[string]any{"binaryData": binary})
	if err != nil {
		return err
	}
	write := func(ctx context.Context) error {
		_, err := c.dynamic.Resource(configMaps).Namespace(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	}
	err = c.call(ctx, target{"patch", configMaps, namespace, name}, write)
	if !IsMissing(err) {
		return err
	}
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "binaryData": map[string]any{key: binary[key]}}}
	object.SetNamespace(namespace)
	object.SetName(name)
	err = c.call(ctx, target{"create", configMaps, namespace, ""}, func(ctx context.Context) error {
		_, err := c.dynamic.Resource(configMaps).Namespace(namespace).Create(ctx, object, metav1.CreateOptions{})
		return err
	})
	if apierrors.IsAlreadyExists(err) { // Somebody else has created it in between.
		return c.call(ctx, target{"patch", configMaps, namespace, name}, write)
	}
	return err
}

// UpdateStatus writes the status of an object as it was read. If somebody has changed the object since, nothing is written and the error is
// a conflict: whoever counts in a status reads it again and counts again. It asks once.
func (c *Client) UpdateStatus(ctx context.Context, resource schema.GroupVersionResource, object map[string]any) error {
	u := &unstructured.Unstructured{Object: object}
	return c.Impatient().call(ctx, target{"update", resource, u.GetNamespace(), u.GetName()}, func(ctx context.Context) error {
		if u.GetResourceVersion() == "" {
			return errors.New("the object has no resourceVersion, so nobody knows what it replaces")
		}
		_, err := c.dynamic.Resource(resource).Namespace(u.GetNamespace()).UpdateStatus(ctx, u, metav1.UpdateOptions{})
		return err
	})
}

func (c *Client) createRecords(ctx context.Context, v Verdict) error {
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "data": map[string]any{v.Key: v.Value},
	}}
	object.SetNamespace(v.Namespace)
	object.SetName(record.ConfigMapName)
	object.SetLabels(v.Labels)
	object.SetAnnotations(v.Annotations)
	return c.call(ctx, target{"create", configMaps, v.Namespace, ""}, func(ctx context.Context) error {
		_, err := c.dynamic.Resource(configMaps).Namespace(v.Namespace).Create(ctx, object, metav1.CreateOptions{})
		return err
	})
}

// Event is one Kubernetes Event about a workload.
type Event struct {
	APIVersion, Kind, Namespace, Name, UID string // of the object that it is about
	Reason, Type, Message                  string
	Component                              string
	At                                     time.Time
}

// maxMessage is what the API server takes as the message of an Event.
const maxMessage = 1 << 10

// Event writes one. Said again, it is the same Event with a later time: a gate may be asked every few seconds.
func (c *Client) Event(ctx context.Context, e Event) error {
	if len(e.Message) > maxMessage {
		return fmt.Errorf("the message of an Event has at most %d bytes (got %d)", maxMessage, len(e.Message))
	}
	about := map[string]any{"apiVersion": e.APIVersion, "kind": e.Kind, "namespace": e.Namespace, "name": e.Name}
	if e.UID != "" {
		about["uid"] = e.UID
	}
	at := e.At.UTC().Format(time.RFC3339)
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Event", "involvedObject": about, "reason": e.Reason, "type": e.Type, "message": e.Message, "count": int64(1),
		"firstTimestamp": at, "lastTimestamp": at, "source": map[string]any{"component": e.Component},
	}}
	object.SetNamespace(e.Namespace)
	object.SetName(e.name())
	err := c.call(ctx, target{"create", events, e.Namespace, ""}, func(ctx context.Context) error {
		_, err := c.dynamic.Resource(events).Namespace(e.Namespace).Create(ctx, object, metav1.CreateOptions{})
		return err
	})
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	patch := fmt.Appendf(nil, `{"lastTimestamp":%q}`, at)
	err = c.Impatient().call(ctx, target{"patch", events, e.Namespace, ""}, func(ctx context.Context) error {
		_, err := c.dynamic.Resource(events).Namespace(e.Namespace).Patch(ctx, object.GetName(), types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
	if _, denied := IsDenied(err); denied {
		return nil // It is there, which is what counts.
	}
	return err
}

// name is the same for the same words about the same object.
func (e Event) name() string {
	hash := fnv.New64a()
	for _, part := range []string{e.APIVersion, e.Kind, e.UID, e.Reason, e.Message, e.Component} {
		_, _ = io.WriteString(hash, part+"\x00")
	}
	return fmt.Sprintf("%.200s.%016x", e.Name, hash.Sum64())
}

// isDropped tells whether a connection ended under a request.
func isDropped(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNREFUSED)
}
