// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/heapgate/heapgate/cmd/heapgate/cluster"
	"github.com/heapgate/heapgate/internal/exception"
	"github.com/heapgate/heapgate/internal/record"
)

// gateExceptions are looked at in their own namespace. A cluster without deploy/exceptions has no such kind, or no right to read it, and
// so no exceptions: an image that only one of them let in is then reported as failed.
var gateExceptions = kind{resource: cluster.Exceptions, optional: true}

// absent tells whether an error says that there is nothing of an optional kind to see here.
func (k kind) absent(err error) bool {
	return k.optional && (apierrors.IsNotFound(err) || apierrors.IsForbidden(err))
}

// excuse is what is kept of a GateException.
type excuse struct {
	metav1.ObjectMeta
	exception.Exception
	problem error
}

func slimException(u *unstructured.Unstructured) *excuse {
	kept := &excuse{}
	kept.Namespace, kept.ObjectMeta.Name, kept.ResourceVersion = u.GetNamespace(), u.GetName(), u.GetResourceVersion()
	kept.Exception, kept.problem = exception.FromObject(u.Object)
	return kept
}

// application is what an exception is for: the name of the Application, or NAMESPACE/KIND/NAME.
func (e *excuse) application() string {
	if e.Spec.Application != "" || e.Spec.Workload == "" {
		return e.Spec.Application
	}
	return e.Spec.Namespace + "/" + e.Spec.Workload
}

// ended says why the exception by which a record is a pass excuses it no more; "" if it still does. How often it may be used has no say:
// this image has used it.
func (l look) ended(r record.Record, now time.Time) string {
	e := l.excuse
	switch {
	case e == nil || e.problem != nil:
		return "is not there any more"
	case e.Spec.ImageDigest != r.Digest:
		return "is for another image"
	case !now.Before(e.Spec.Expires):
		return "has expired at " + e.Spec.Expires.Format(time.RFC3339)
	}
	return ""
}

// opened are the opens of one workload.
type opened struct {
	namespace, kind, name string
	opens                 record.Opens
}

// opensOf reads a value of the ConfigMap with records; false if it is none of opens. What cannot be read has none to show; the gate takes it
// for a budget that is used up, and opens no more.
func opensOf(namespace, key, text string) (opened, bool) {
	kind, name, ok := record.OpensOf(key)
	if !ok {
		return opened{}, false
	}
	opens, _ := record.DecodeOpens(text)
	return opened{namespace, kind, strings.Clone(name), opens}, true
}
