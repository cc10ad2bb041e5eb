# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package lib.workload_test

import data.lib.object_test as made
import data.lib.workload

pod := {"containers": [{"name": "a"}, {"name": "b"}]}

of_kind := {
	"Pod": {"spec": pod},
	"PodTemplate": {"template": {"spec": pod}},
	"Deployment": {"spec": {"template": {"spec": pod}}},
	"StatefulSet": {"spec": {"template": {"spec": pod}}},
	"DaemonSet": {"spec": {"template": {"spec": pod}}},
	"ReplicaSet": {"spec": {"template": {"spec": pod}}},
	"Job": {"spec": {"template": {"spec": pod}}},
	"Rollout": {"spec": {"template": {"spec": pod}}},
	"Service": {"spec": {"template": {"spec": pod}}},
	"CronJob": {"spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}},
}

# The object of a kind also has what only the others' pods would be read from.
everything := {"spec": {"containers": [], "template": {"spec": {}}, "jobTemplate": {"spec": {"template": {"spec": {}}}}}, "template": {"spec": {}}}

test_pod_of_every_kind if {
	every kind, body in of_kind {
		workload.pod(object.union(body, {"kind": kind})) == pod
		workload.pod(object.union_n([everything, body, {"kind": kind}])) != {}
		workload.pod(object.union(body, {"kind": "ConfigMap"})) == {}
	}
}

test_first_container_unless_named if {
	deployment := object.union(of_kind.Deployment, {"kind": "Deployment"})
	workload.container(deployment) == {"name": "a"}
	workload.container(object.union(deployment, {"metadata": {"annotations": {"x": "b"}}})) == {"name": "a"}
	workload.container(object.union(deployment, {"metadata": {"annotations": {"heapgate.dev/container": ""}}})) == {"name": "a"}
	workload.container(object.union(deployment, {"metadata": {"annotations": {"heapgate.dev/container": "b"}}})) == {"name": "b"}
	workload.container(object.union(deployment, {"metadata": {"annotations": {"heapgate.dev/container": "c"}}})) == {}
	workload.container(object.union(deployment, {"metadata": {"annotations": {"heapgate.dev/container": 1}}})) == {"name": "a"}
}

test_no_container if {
	every manifest in made.nothing {
		workload.container(manifest) == {}
	}
	workload.container({"kind": "Pod", "spec": {"containers": ["a"]}}) == {}
}

test_container_by_name_must_be_an_object if {
	annotated := {"kind": "Pod", "metadata": {"annotations": {"heapgate.dev/container": "a"}}}
	workload.container(object.union(annotated, {"spec": {"containers": ["a"]}})) == {}
}

test_last_variable_counts if {
	container := {"env": [{"name": "X", "value": "1"}, {"name": "Y"}, {"name": "X", "value": "2"}]}
	workload.variable(container, "X") == {"name": "X", "value": "2"}
	workload.variable(container, "Z") == {}
	workload.variable({}, "X") == {}
}

limit(manifest) := workload.limit(manifest, workload.container(manifest), "memory")

test_limit_of_the_container_or_of_the_pod if {
	of_pod := {"resources": {"limits": {"memory": "1Gi"}}}
	limit(data.deployment) == "512Mi"
	limit(object.union(data.deployment, {"spec": {"template": {"spec": of_pod}}})) == "512Mi"
	limit(made.without_resources(of_pod)) == "1Gi"
	limit(made.without_resources({})) == null
	limit(made.without_resources({"resources": {"limits": {"memory": null}}})) == null
	limit(made.with_limit(null)) == null
	limit({}) == null
}

free(pod_metadata, containers) := {
	"kind": "Deployment",
	"metadata": {"name": "shop"},
	"spec": {"template": {"metadata": pod_metadata, "spec": {"containers": containers}}},
}

names(manifest) := [one.name | some one in workload.judged(manifest)]

test_guarded_is_the_one_container if {
	two := [{"name": "a"}, {"name": "b", "env": [{"name": "GOGC"}]}]
	every key in ["heapgate.dev/guarded", "heapgate.dev/candidate"] {
		names(object.union(free({}, two), {"metadata": {"labels": {key: "true"}}})) == ["a"]
		names(object.union(free({}, two), {"metadata": {"labels": {key: "false"}}})) == ["b"]
	}
	workload.judged(object.union(free({}, []), {"metadata": {"labels": {"heapgate.dev/guarded": "true"}}})) == []
}

test_known_to_run_go if {
	every key in ["AUTOMEMLIMIT", "GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK"] {
		names(free({}, [{"name": "a"}, {"name": "b", "env": [{"name": key}]}])) == ["b"]
	}
	names(free({}, [{"name": "a", "image": "golang:1.26", "env": [{"name": "GOPATH"}]}])) == []
	two := [{"name": "a", "image": "x"}, {"name": "b", "image": "y", "ports": [{"name": "pprof"}]}]
	names(object.union(free({}, two), {"metadata": {"annotations": {"heapgate.dev/container": "b"}}})) == ["b"]
	names(object.union(free({}, two), {"metadata": {"annotations": {"heapgate.dev/container": ""}}})) == []
	names(free({"annotations": {"heapgate.dev/go-version": "1.26"}}, two)) == ["a"]
	names(free({"annotations": {"heapgate.dev/scrape": "true"}}, two)) == ["b"]
	names(free({"annotations": {"heapgate.dev/scrape": "false"}}, two)) == []
	names(object.union(free({}, two), {"buildinfo": {"y": {}}})) == ["b"]
	names(object.union(free({}, two), {"buildinfo": {"y": null}})) == []
	names(object.union(free({}, two), {"spec": {"template": {"spec": {"initContainers": [{"name": "i", "env": [{"name": "GOGC"}]}, "x"]}}}})) == ["i"]
}

test_annotations_of_the_pod_come_first if {
	manifest := {"kind": "Pod", "metadata": {"annotations": {"a": "pod"}}}
	workload.annotation(manifest, "a") == "pod"
	workload.annotation(manifest, "b") == ""
	both := object.union(free({"annotations": {"a": "pod", "n": 1}}, []), {"metadata": {"annotations": {"a": "object", "b": "object", "n": 2}}})
	workload.annotation(both, "a") == "pod"
	workload.annotation(both, "b") == "object"
	workload.annotation(both, "n") == ""
	workload.annotation({}, "a") == ""
}

test_request_is_the_limit_where_there_is_none if {
	workload.request({"resources": {"requests": {"memory": "1"}, "limits": {"memory": "2"}}}, "memory") == "1"
	workload.request({"resources": {"requests": {"memory": null}, "limits": {"memory": "2"}}}, "memory") == "2"
	workload.request({"resources": {"limits": {"memory": null}}}, "memory") == null
	workload.request({}, "memory") == null
}
