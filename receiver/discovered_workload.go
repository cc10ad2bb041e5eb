// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/heapgate/heapgate/internal/bytesize"
	"github.com/heapgate/heapgate/internal/guard"
)

// What discovery knows of a pod, in Prometheus' words.
const (
	metaKubernetes    = "__meta_kubernetes_"
	metaNamespace     = "__meta_kubernetes_namespace"
	metaPod           = "__meta_kubernetes_pod_name"
	metaUID           = "__meta_kubernetes_pod_uid"
	metaIP            = "__meta_kubernetes_pod_ip"
	metaNode          = "__meta_kubernetes_pod_node_name"
	metaPhase         = "__meta_kubernetes_pod_phase"
	metaContainer     = "__meta_kubernetes_pod_container_name"
	metaContainerPort = "__meta_kubernetes_pod_container_port_number"
	metaImage         = "__meta_kubernetes_pod_container_image"
	metaScrape        = "__meta_kubernetes_pod_annotation_heapgate_dev_scrape"
	metaGuarded       = "__meta_kubernetes_pod_annotation_heapgate_dev_container" // guard.AnnotationContainer
	metaVersion       = "__meta_kubernetes_pod_label_app_kubernetes_io_version"
)

// workload says to what the process belongs; relabelling has the first word.
func (t *translator) workload(b *labels.Builder, from origin) WorkloadConfig {
	kind, name := "", ""
	if from == fromPod {
		kind, name = owner(b)
	}
	pinned, _ := guard.Digest(b.Get(metaImage)) // not pinned: discovery does not tell the digest that runs
	return WorkloadConfig{
		Cluster:     cmp.Or(b.Get("__heapgate_cluster"), t.cluster),
		Namespace:   cmp.Or(b.Get("__heapgate_namespace"), b.Get(metaNamespace)),
		Kind:        cmp.Or(b.Get("__heapgate_workload_kind"), kind),
		Name:        cmp.Or(b.Get("__heapgate_workload_name"), name),
		Container:   cmp.Or(b.Get("__heapgate_container"), b.Get(metaContainer)),
		Version:     cmp.Or(b.Get("__heapgate_version"), b.Get(metaVersion)),
		ImageDigest: cmp.Or(b.Get("__heapgate_image_digest"), pinned),
	}
}

// owner follows the owner references: what people deploy, not what a controller made of it.
func owner(b *labels.Builder) (kind, name string) {
	kind, name = b.Get("__meta_kubernetes_pod_controller_kind"), b.Get("__meta_kubernetes_pod_controller_name")
	deployment, cronJob := b.Get("__meta_kubernetes_pod_deployment_name"), b.Get("__meta_kubernetes_pod_cronjob_name")
	switch {
	case deployment != "": // attach_metadata: {deployment: true}
		return "Deployment", deployment
	case cronJob != "": // attach_metadata: {cronjob: true}
		return "CronJob", cronJob
	case kind == "ReplicaSet": // a Deployment names its sets <deployment>-<hash> and puts the hash on the pods
		hash := b.Get("__meta_kubernetes_pod_label_pod_template_hash")
		if of, ok := strings.CutSuffix(name, "-"+hash); ok && of != "" {
			return "Deployment", of
		}
		return kind, name
	case kind == "" || name == "" || kind == "Node": // bare, or the mirror of a static pod
		return "Pod", b.Get(metaPod)
	}
	return kind, name
}

// memoryLimit reads a size as GOMEMLIMIT has it (512MiB) or as Kubernetes has it (512Mi).
func memoryLimit(text string) (bytesize.Size, error) {
	if size, err := bytesize.Parse(text); err == nil {
		return size, nil
	}
	quantity, err := resource.ParseQuantity(text)
	if err != nil {
		return 0, err
	}
	if quantity.Sign() <= 0 {
		return 0, fmt.Errorf("memory limit must be positive (got %q)", text)
	}
	return bytesize.Size(quantity.Value()), nil
}
