// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import "go.opentelemetry.io/collector/pdata/pcommon"

// Resource attributes: OpenTelemetry's where the meaning is equal, else ours.
const (
	attrServiceName  = "service.name"
	attrInstanceID   = "service.instance.id"
	attrVersion      = "service.version"
	attrCluster      = "k8s.cluster.name"
	attrNamespace    = "k8s.namespace.name"
	attrContainer    = "k8s.container.name"
	attrWorkloadKind = "heapgate.workload.kind"
	attrWorkloadName = "heapgate.workload.name"
	attrImageDigest  = "oci.manifest.digest"
	attrRuntimeName  = "process.runtime.name"
	attrLogFile      = "log.file.path"
	attrPod          = "k8s.pod.name"
	attrPodUID       = "k8s.pod.uid"
	attrNode         = "k8s.node.name"
)

// reservedAttributes are set from workload and id, so that free labels cannot lie about either.
var reservedAttributes = []string{
	attrServiceName, attrInstanceID, attrVersion, attrCluster, attrNamespace, attrContainer,
	attrWorkloadKind, attrWorkloadName, attrImageDigest, attrRuntimeName, attrLogFile,
}

// podAttributes are set from what the API says of a discovered pod.
var podAttributes = []string{attrPod, attrPodUID, attrNode}

func resourceOf(t *spec) pcommon.Resource {
	resource := pcommon.NewResource()
	attrs := resource.Attributes()
	for name, value := range t.Labels {
		attrs.PutStr(name, value)
	}
	w := t.Workload
	for _, a := range []struct{ name, value string }{
		{attrServiceName, w.Name}, {attrInstanceID, t.identity()}, {attrVersion, w.Version},
		{attrCluster, w.Cluster}, {attrNamespace, w.Namespace}, {attrContainer, w.Container},
		{attrWorkloadKind, w.Kind}, {attrWorkloadName, w.Name}, {attrImageDigest, w.ImageDigest},
		{attrPod, t.pod}, {attrPodUID, t.uid}, {attrNode, t.node}, {attrRuntimeName, "go"},
	} {
		if a.value != "" {
			attrs.PutStr(a.name, a.value)
		}
	}
	for _, a := range t.machine.attributes() {
		if _, said := attrs.Get(a.name); !said && a.value != "" { // relabelling has the first word
			attrs.PutStr(a.name, a.value)
		}
	}
	return resource
}

// resourceOfFile is the identity of gctrace that belongs to no configured target.
func resourceOfFile(path string) pcommon.Resource {
	resource := pcommon.NewResource()
	resource.Attributes().PutStr(attrInstanceID, path)
	resource.Attributes().PutStr(attrLogFile, path)
	resource.Attributes().PutStr(attrRuntimeName, "go")
	return resource
}
