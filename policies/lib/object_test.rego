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

# with_limit changes the memory limit.
with_limit(quantity) := with_container({"resources": {"limits": {"memory": quantity}}})

# without_resources has no limit of its own, but maybe one of the whole pod.
without_resources(pod) := object.union(without("resources"), {"spec": {"template": {"spec": pod}}})

# No input, null, the empty object and a pod without containers hold nothing to judge.
nothing := [null, {}, {"kind": "Pod", "spec": {"containers": []}}, {"kind": "Deployment", "spec": {}}, with_containers(null)]
