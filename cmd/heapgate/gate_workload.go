// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"strings"
)

// workload names what is judged. An empty field means any, or several.
type workload struct {
	Cluster     string `json:"cluster"`
	Namespace   string `json:"namespace"`
	Kind        string `json:"kind"`
	Name        string `json:"name"`
	Container   string `json:"container"`
	Version     string `json:"version"`
	ImageDigest string `json:"image_digest"`
}

// String writes the workload as --workload takes it.
func (w workload) String() string {
	parts := []string{w.Namespace, w.Name}
	if w.Kind != "" {
		parts = []string{w.Namespace, w.Kind, w.Name}
		if w.Cluster != "" {
			parts = append([]string{w.Cluster}, parts...)
		}
	}
	return strings.Join(parts, "/")
}

// described writes the labels in which targets of one name can differ.
func described(labels map[string]string) []string {
	words := map[string]string{
		"k8s_cluster_name": "cluster", "heapgate_workload_kind": "kind", "k8s_container_name": "container", "service_version": "version", "oci_manifest_digest": "image",
	}
	var parts []string
	for _, label := range identityLabels[1:] {
		if value := labels[label]; value != "" {
			parts = append(parts, words[label]+" "+value)
		}
	}
	return parts
}

// labels is what the workload's targets must carry; what the user left open is left out.
func (w workload) labels() map[string]string {
	all := map[string]string{
		"k8s_namespace_name": w.Namespace, "heapgate_workload_name": w.Name, "k8s_cluster_name": w.Cluster, "heapgate_workload_kind": w.Kind,
		"k8s_container_name": w.Container, "service_version": w.Version, "oci_manifest_digest": w.ImageDigest,
	}
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}
