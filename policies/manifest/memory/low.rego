# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: GOMEMLIMIT is low
# description: |
#   A GOMEMLIMIT below half of the memory limit, or below 85 % of what is reserved for the container, makes the collector work hard for
#   memory that nobody else may use.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-004
#   severity: low
#   signal: gomemlimit
#   failure_msg: GOMEMLIMIT far below the memory of the container
#   collections: [strict]
#   solution: |
#     Set GOMEMLIMIT to nine tenths of resources.limits.memory, or lower the limit and the request.
#   avoid: |
#     ```yaml
#     env: [{name: GOMEMLIMIT, value: 100MiB}]
#     resources: {requests: {memory: 256Mi}, limits: {memory: 512Mi}}
#     ```
#   prefer: |
#     ```yaml
#     env: [{name: GOMEMLIMIT, value: 460MiB}]
#     resources: {requests: {memory: 512Mi}, limits: {memory: 512Mi}}
#     ```
#   exceptions: |
#     A program that uses most of its memory outside of the Go heap: cgo, mapped files, a tmpfs, child processes.
package manifest.memory.low

import data.lib.environment
import data.lib.quantity
import data.lib.result
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

checks contains "GOMEM-004" if judgeable

bytes(one) := quantity.go(environment.value(input, one, "GOMEMLIMIT").text)

least(one, "half of the limit") := quantity.kubernetes(workload.limit(input, one, "memory")) / 2

# Nine tenths of a request that is the limit are right.
least(one, "85 % of the request") := quantity.kubernetes(one.resources.requests.memory) * 0.85

warn contains result.finding(chain, {
	"target": workload.name(one),
	"value": bytes(one),
	"limit": least(one, of),
	"unit": "By",
	"facts": {"of": of},
}) if {
	some one in judged
	some of in ["half of the limit", "85 % of the request"]
	bytes(one) < least(one, of)
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable
