# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The hook itself has no limits or the wrong account
# description: |
#   The hook decides what is deployed, so that its own pod is held to what it asks of others: limits of CPU and memory, a ServiceAccount of its
#   own with no more rights than it needs, and automountServiceAccountToken written down. Judged are Jobs and Pods with the labels
#   `app.kubernetes.io/part-of: heapgate` and `app.kubernetes.io/component: gate`.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-020
#   severity: high
#   signal: hook
#   failure_msg: hook without limits, without its own account, or with an unspoken token
#   collections: [minimal, recommended, strict]
#   solution: |
#     Take the hook from deploy/gate and change it with a patch.
#   avoid: |
#     ```yaml
#     kind: Job
#     spec: {template: {spec: {containers: [{name: gate, args: [gate, hook]}]}}}
#     ```
#   prefer: |
#     ```yaml
#     kind: Job
#     spec:
#       template:
#         spec:
#           serviceAccountName: heapgate-gate
#           automountServiceAccountToken: true # it writes its verdict into a ConfigMap
#           containers: [{name: gate, args: [gate, hook], resources: {limits: {cpu: "1", memory: 128Mi}}}]
#     ```
#   exceptions: |
#     None.
package manifest.hook.job

import data.lib.result
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

checks contains "GOMEM-020" if judgeable

hook if {
	input.kind in {"Job", "Pod"}
	input.metadata.labels["app.kubernetes.io/part-of"] == "heapgate"
	input.metadata.labels["app.kubernetes.io/component"] == "gate"
}

pod := workload.pod(input)

said if is_boolean(pod.automountServiceAccountToken)

deny contains result.finding(chain, {
	"target": workload.name(one),
	"facts": {"problem": "no_limit", "resource": resource},
}) if {
	hook
	some one in workload.containers(input)
	some resource in ["cpu", "memory"]
	workload.limit(input, one, resource) == null
}

deny contains result.finding(chain, {"facts": {"problem": "default_service_account"}}) if {
	hook
	object.get(pod, "serviceAccountName", "") in {"", "default"}
}

deny contains result.finding(chain, {"facts": {"problem": "token_not_said"}}) if {
	hook
	not said
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable
