# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Workloads
# description: |
#   Where the pod, the containers to judge, their resources and the variables of their environment are in a Kubernetes object of any kind
#   that has a pod. What is not there, or has not the form that Kubernetes gives it, is given as the empty object.
#
#   Of a guarded object the guarded container is judged. Of any other object every container is that is known to run Go: nothing is
#   taken for Go by a guess at its image's name.
package lib.workload

# pod is the pod's spec.
pod(object) := object.spec if {
	object.kind == "Pod"
} else := found if {
	found := template(object).spec
} else := {}

# metadata is the pod's own.
metadata(object) := object.metadata if {
	object.kind == "Pod"
} else := found if {
	found := template(object).metadata
} else := {}

template(object) := object.template if {
	object.kind == "PodTemplate"
} else := object.spec.jobTemplate.spec.template if {
	object.kind == "CronJob"
} else := object.spec.template if {
	object.kind in {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Rollout", "Service"}
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

# containers are all that run, those at the start too.
containers(object) := [one |
	some list in ["containers", "initContainers"]
	some one in pod(object)[list]
	is_object(one)
]

# guarded is what the gate judges: a workload with heapgate's label, or the candidate of a sync.
guarded(object) if object.metadata.labels["heapgate.dev/guarded"] == "true"

guarded(object) if candidate(object)

# candidate is the copy of a pod that the hook judges before a sync. It has a name of its own and is seen without any other object.
candidate(object) if object.metadata.labels["heapgate.dev/candidate"] == "true"

# judgeable tells whether there is a pod, and in it the container that is named. Without it no rule may pass.
judgeable(object) if container(object) != {}

# judged are the containers that the rules judge.
judged(object) := [container(object)] if {
	guarded(object)
	judgeable(object)
} else := [one | some one in containers(object); go(object, one)]

# go holds for a container that is known to run a Go program: by a variable that only Go's runtime or automemlimit reads, by an
# annotation, because heapgate visits its port pprof, or by what its image was built from.
go(_, one) if {
	some variable in one.env
	variable.name in {"AUTOMEMLIMIT", "GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK"}
}

go(object, one) if {
	one == container(object)
	some known in [named(object), annotation(object, "heapgate.dev/go-version")]
	known != ""
}

go(object, one) if {
	annotation(object, "heapgate.dev/scrape") == "true"
	some port in one.ports
	port.name == "pprof"
}

go(object, one) if is_object(object.buildinfo[one.image])

# annotation is that of the pod, else that of the object, else empty.
annotation(object, key) := metadata(object).annotations[key] if {
	is_string(metadata(object).annotations[key])
} else := object.metadata.annotations[key] if {
	is_string(object.metadata.annotations[key])
} else := ""

# name is what a finding calls a container.
name(one) := object.get(one, "name", "")

# variable is a variable of a container's environment. Of several of one name the last counts, as it does for the kubelet.
variable(container, key) := found[count(found) - 1] if {
	found := [one | some one in container.env; one.name == key]
} else := {}

# limit is the quantity of a resource that bounds the container: its own limit, else that of the whole pod; null if there is neither.
limit(object, one, resource) := one.resources.limits[resource] if {
	one.resources.limits[resource] != null
} else := pod(object).resources.limits[resource] if {
	pod(object).resources.limits[resource] != null
} else := null

# request is what the scheduler reserves for the container. The API server makes a limit the request where there is none.
request(one, resource) := one.resources.requests[resource] if {
	one.resources.requests[resource] != null
} else := one.resources.limits[resource] if {
	one.resources.limits[resource] != null
} else := null
