# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The memory request is far below the limit
# description: |
#   Between its request and its limit a container lives on memory that the node may need for others. A Go heap grows to what GOMEMLIMIT
#   allows, so that this is where it will be, and its pod is the first to be evicted. Asked of workloads with the annotation
#   `heapgate.dev/tier: critical`.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-009
#   severity: low
#   signal: memory_request
#   failure_msg: memory request below half of the limit of a critical workload
#   collections: [strict]
#   solution: |
#     Set the request to the limit, which also makes the pod Guaranteed.
#   avoid: |
#     ```yaml
#     metadata: {annotations: {heapgate.dev/tier: critical}}
#     resources: {requests: {memory: 128Mi}, limits: {memory: 512Mi}}
#     ```
#   prefer: |
#     ```yaml
#     metadata: {annotations: {heapgate.dev/tier: critical}}
#     resources: {requests: {memory: 512Mi}, limits: {memory: 512Mi}}
#     ```
#   exceptions: |
#     Workloads of any other tier.
package manifest.memory.request

import data.lib.quantity
import data.lib.result
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

checks contains "GOMEM-009" if judgeable

warn contains result.finding(chain, {
	"target": workload.name(one),
	"value": asked,
	"limit": least,
	"unit": "By",
}) if {
	workload.annotation(input, "heapgate.dev/tier") == "critical"
	some one in judged
	least := quantity.kubernetes(workload.limit(input, one, "memory")) / 2
	asked := quantity.kubernetes(workload.request(one, "memory"))
	asked < least
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable
