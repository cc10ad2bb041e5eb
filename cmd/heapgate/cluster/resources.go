// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The resources that the gate reads.
var (
	PodTemplates = schema.GroupVersionResource{Version: "v1", Resource: "podtemplates"}
	Pods         = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	Jobs         = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	Exceptions   = schema.GroupVersionResource{Group: "heapgate.dev", Version: "v1alpha1", Resource: "gateexceptions"}
	Applications = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}
)

// Workloads are the resources of the kinds that can be guarded.
var Workloads = map[string]schema.GroupVersionResource{
	"Deployment":  {Group: "apps", Version: "v1", Resource: "deployments"},
	"StatefulSet": {Group: "apps", Version: "v1", Resource: "statefulsets"},
	"DaemonSet":   {Group: "apps", Version: "v1", Resource: "daemonsets"},
}

// The resources that have functions of their own.
var (
	configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	events     = schema.GroupVersionResource{Version: "v1", Resource: "events"}
)

// Quantity reads a number as Kubernetes writes it, such as 512Mi; false for anything that is no positive number.
func Quantity(text string) (float64, bool) {
	quantity, err := resource.ParseQuantity(text)
	value := quantity.AsApproximateFloat64()
	return value, err == nil && value > 0
}
