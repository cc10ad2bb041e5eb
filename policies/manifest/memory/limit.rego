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
#   solution: |
#     Set resources.limits.memory of the container, or of the whole pod where the cluster knows that.
package manifest.memory.limit

import data.lib.quantity
import data.lib.result
import data.lib.workload

chain := rego.metadata.chain()

default container := {}

container := workload.container(input)

limit := workload.memory_limit(input)

checks contains "GOMEM-008" if container != {}

deny contains result.finding(chain, {"target": object.get(container, "name", ""), "unit": "By"}) if {
	container != {}
	limit == null
}

deny contains result.finding(chain, {
	"target": object.get(container, "name", ""),
	"value": quantity.kubernetes(limit),
	"unit": "By",
	"facts": {"quantity": limit},
}) if {
	quantity.kubernetes(limit) <= 0
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if container == {}

inconclusive contains result.finding(chain, {
	"target": object.get(container, "name", ""),
	"unit": "By",
	"facts": {"reason": "malformed", "quantity": limit},
}) if {
	limit != null
	not quantity.kubernetes(limit)
}
