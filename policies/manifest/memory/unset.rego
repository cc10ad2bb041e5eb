# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: There is a memory limit and no GOMEMLIMIT
# description: |
#   Go does not know the memory limit of its container. Without GOMEMLIMIT its collector lets the heap double, also when that crosses the
#   limit, and the kernel ends the process where a collection would have been enough.
#
#   An object in which no container is known to run Go, and that heapgate does not guard, says so here once, as an info.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-002
#   severity: medium
#   signal: gomemlimit
#   failure_msg: memory limit without GOMEMLIMIT
#   collections: [recommended, strict]
#   solution: |
#     Set GOMEMLIMIT to nine tenths of resources.limits.memory, or link github.com/KimMachineGun/automemlimit and say so by the annotation
#     `heapgate.dev/automemlimit: "true"`. A container that runs Go and does not show it has the annotation heapgate.dev/go-version.
#   avoid: |
#     ```yaml
#     resources: {limits: {memory: 512Mi}}
#     ```
#   prefer: |
#     ```yaml
#     env: [{name: GOMEMLIMIT, value: 460MiB}]
#     resources: {limits: {memory: 512Mi}}
#     ```
#   exceptions: |
#     A program that calls debug.SetMemoryLimit itself: set the annotation `heapgate.dev/automemlimit: "true"`. GOMEMLIMIT=off says that it
#     is meant so.
package manifest.memory.unset

import data.lib.environment
import data.lib.quantity
import data.lib.result
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

checks contains "GOMEM-002" if judgeable

warn contains result.finding(chain, {
	"target": workload.name(one),
	"unit": "By",
	"facts": {"memory_limit_bytes": limit},
}) if {
	some one in judged
	limit := quantity.kubernetes(workload.limit(input, one, "memory"))
	limit > 0
	environment.value(input, one, "GOMEMLIMIT") == {"text": ""}
	not environment.automemlimit(input, one)
}

warn contains result.finding(chain, {
	"severity": "info",
	"facts": {"reason": "missing", "detail": "no container is known to run Go"},
}) if {
	judgeable
	judged == []
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable
