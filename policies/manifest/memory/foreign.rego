# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: GOMEMLIMIT is that of another container
# description: |
#   A resourceFieldRef with a containerName takes the limit of that container. Copied from one container to the next, GOMEMLIMIT then has
#   nothing to do with the memory that its process may use.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-018
#   severity: medium
#   signal: gomemlimit
#   failure_msg: GOMEMLIMIT taken from another container
#   collections: [recommended, strict]
#   solution: |
#     Leave containerName out, or write the value down.
#   avoid: |
#     ```yaml
#     env: [{name: GOMEMLIMIT, valueFrom: {resourceFieldRef: {containerName: proxy, resource: limits.memory}}}]
#     ```
#   prefer: |
#     ```yaml
#     env: [{name: GOMEMLIMIT, value: 460MiB}]
#     ```
#   exceptions: |
#     None that is known.
package manifest.memory.foreign

import data.lib.result
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

checks contains "GOMEM-018" if judgeable

warn contains result.finding(chain, {"target": workload.name(one), "facts": {"container": other}}) if {
	some one in judged
	other := workload.variable(one, "GOMEMLIMIT").valueFrom.resourceFieldRef.containerName
	not other in {"", workload.name(one)}
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable
