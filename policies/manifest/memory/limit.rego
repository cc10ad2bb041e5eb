# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The container has no memory limit
# description: |
#   Without a memory limit there is nothing to compare a live heap or GOMEMLIMIT with, and a leak ends the node's other pods before it
#   ends its own.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-008
#   severity: medium
#   signal: memory_limit
#   failure_msg: no memory limit
#   collections: [recommended, strict]
#   solution: |
#     Set resources.limits.memory of the container, or of the whole pod where the cluster knows that.
#   avoid: |
#     ```yaml
#     resources: {requests: {memory: 512Mi}}
#     ```
#   prefer: |
#     ```yaml
#     resources: {requests: {memory: 512Mi}, limits: {memory: 512Mi}}
#     ```
#   exceptions: |
#     A LimitRange of the namespace may give every container a limit; it is not in the manifest. Write the limit down all the same: a
#     GOMEMLIMIT needs to know it.
package manifest.memory.limit

import data.lib.quantity
import data.lib.result
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

limit(one) := workload.limit(input, one, "memory")

checks contains "GOMEM-008" if judgeable

deny contains result.finding(chain, {"target": workload.name(one), "unit": "By"}) if {
	some one in judged
	limit(one) == null
}

deny contains result.finding(chain, {
	"target": workload.name(one),
	"value": quantity.kubernetes(limit(one)),
	"unit": "By",
	"facts": {"quantity": limit(one)},
}) if {
	some one in judged
	quantity.kubernetes(limit(one)) <= 0
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable

inconclusive contains result.finding(chain, {
	"target": workload.name(one),
	"unit": "By",
	"facts": {"reason": "malformed", "quantity": limit(one)},
}) if {
	some one in judged
	limit(one) != null
	not quantity.kubernetes(limit(one))
}
