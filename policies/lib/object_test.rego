# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# What tests change in the manifest that passes (testdata/passing.yaml).
package lib.object_test

# guarded is the guarded container of the passing manifest.
guarded := data.deployment.spec.template.spec.containers[1]

# with_container changes fields of the guarded container.
with_container(fields) := with_containers([data.deployment.spec.template.spec.containers[0], object.union(guarded, fields)])

# without leaves out one field of the guarded container.
without(name) := with_containers([data.deployment.spec.template.spec.containers[0], object.remove(guarded, {name})])

with_containers(list) := object.union(data.deployment, {"spec": {"template": {"spec": {"containers": list}}}})

# with_env gives GOMEMLIMIT by the fields of its variable.
with_env(fields) := with_container({"env": [object.union({"name": "GOMEMLIMIT"}, fields)]})

# with_variables gives the guarded container these variables and no other.
with_variables(variables) := with_container({"env": [{"name": name, "value": value} | some name, value in variables]})

# annotated adds annotations to a manifest.
annotated(manifest, annotations) := object.union(manifest, {"metadata": {"annotations": annotations}})

# free is a manifest that heapgate does not guard.
free(manifest) := object.union(object.remove(manifest, ["metadata"]), {"metadata": {"name": "shop", "namespace": "shop"}})

# candidate is a manifest that the hook judges before a sync.
candidate(manifest) := object.union(free(manifest), {"metadata": {
	"labels": {"heapgate.dev/candidate": "true"},
	"annotations": {"heapgate.dev/container": "shop"},
}})

# alone is a manifest beside which nobody has looked for others.
alone(manifest) := object.remove(manifest, ["related"])

# with_related is the passing manifest beside others.
with_related(others) := object.union(data.deployment, {"related": others})

# with_limit changes the memory limit.
with_limit(quantity) := with_container({"resources": {"limits": {"memory": quantity}}})

# without_resources has no limit of its own, but maybe one of the whole pod.
without_resources(pod) := object.union(without("resources"), {"spec": {"template": {"spec": pod}}})

# No input, null, the empty object, a pod without containers and a pod that is another object's hold nothing to judge.
nothing := [
	null,
	{},
	{"kind": "Pod", "spec": {"containers": []}},
	{"kind": "Deployment", "spec": {}},
	{"kind": "Rollout", "spec": {"workloadRef": {"kind": "Deployment", "name": "shop"}}},
	with_containers(null),
]
