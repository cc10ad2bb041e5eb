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
	"Job": {"spec": {"template": {"spec": pod}}},
	"CronJob": {"spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}},
}

# The object of a kind also has what only the others' pods would be read from.
everything := {"spec": {"containers": [], "template": {"spec": {}}, "jobTemplate": {"spec": {"template": {"spec": {}}}}}, "template": {"spec": {}}}

test_pod_of_every_kind if {
	every kind, body in of_kind {
		workload.pod(object.union(body, {"kind": kind})) == pod
		workload.pod(object.union_n([everything, body, {"kind": kind}])) != {}
		workload.pod(object.union(body, {"kind": "Service"})) == {}
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

test_memory_limit_of_the_container_or_of_the_pod if {
	of_pod := {"resources": {"limits": {"memory": "1Gi"}}}
	workload.memory_limit(data.deployment) == "512Mi"
	workload.memory_limit(object.union(data.deployment, {"spec": {"template": {"spec": of_pod}}})) == "512Mi"
	workload.memory_limit(made.without_resources(of_pod)) == "1Gi"
	workload.memory_limit(made.without_resources({})) == null
	workload.memory_limit(made.without_resources({"resources": {"limits": {"memory": null}}})) == null
	workload.memory_limit(made.with_limit(null)) == null
	workload.memory_limit({}) == null
}
