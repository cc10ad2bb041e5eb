# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Workloads
# description: |
#   Where the pod, the guarded container and a variable of its environment are in a Kubernetes object of any kind that has a pod.
#   What is not there, or has not the form that Kubernetes gives it, is given as the empty object.
package lib.workload

# pod is the pod's spec.
pod(object) := object.spec if {
	object.kind == "Pod"
} else := object.template.spec if {
	object.kind == "PodTemplate"
} else := object.spec.jobTemplate.spec.template.spec if {
	object.kind == "CronJob"
} else := object.spec.template.spec if {
	object.kind in {"Deployment", "StatefulSet", "DaemonSet", "Job"}
} else := {}

# container is the guarded one: the one that the annotation heapgate.dev/container names, else the first.
container(object) := pod(object).containers[0] if {
	named(object) == ""
	is_object(pod(object).containers[0])
} else := found[0] if {
	found := [one | some one in pod(object).containers; one.name == named(object)]
	is_object(found[0])
} else := {}

named(object) := object.metadata.annotations["heapgate.dev/container"] if {
	is_string(object.metadata.annotations["heapgate.dev/container"])
} else := ""

# variable is a variable of a container's environment. Of several of one name the last counts, as it does for the kubelet.
variable(container, name) := found[count(found) - 1] if {
	found := [one | some one in container.env; one.name == name]
} else := {}

# memory_limit is the quantity that ends the container: its own limit, else that of the whole pod; null if there is neither.
memory_limit(object) := container(object).resources.limits.memory if {
	container(object).resources.limits.memory != null
} else := pod(object).resources.limits.memory if {
	pod(object).resources.limits.memory != null
} else := null
