# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: An old Go does not know the CPU limit
# description: |
#   Before 1.25 Go takes all processors of the node for its own. With a CPU limit it then collects on all of them at once and is throttled
#   for the rest of the period, with the program stopped. So does a newer one with containermaxprocs=0 in GODEBUG, which is the default of a
#   go.mod with an older go line.
#
#   The Go version is that of the image's build information, or of the annotation heapgate.dev/go-version. Where nobody knows it the rule
#   says so, as an info.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-011
#   severity: medium
#   signal: gomaxprocs
#   failure_msg: CPU limit without GOMAXPROCS for a Go before 1.25
#   collections: [recommended, strict]
#   solution: |
#     Set GOMAXPROCS to the CPU limit rounded up, or build with Go 1.25 or newer.
#   avoid: |
#     ```yaml
#     metadata: {annotations: {heapgate.dev/go-version: "1.24"}}
#     resources: {limits: {cpu: "2"}}
#     ```
#   prefer: |
#     ```yaml
#     metadata: {annotations: {heapgate.dev/go-version: "1.24"}}
#     env: [{name: GOMAXPROCS, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}]
#     resources: {limits: {cpu: "2"}}
#     ```
#   exceptions: |
#     A program that links go.uber.org/automaxprocs: set the annotation `heapgate.dev/automaxprocs: "true"`.
package manifest.cpu.unaware

import data.lib.environment
import data.lib.quantity
import data.lib.result
import data.lib.runtime
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

checks contains "GOMEM-011" if judgeable

# limited is a container that has a CPU limit, and a number of processors that nobody has set.
limited(one) := limit if {
	limit := quantity.kubernetes(workload.limit(input, one, "cpu"))
	limit > 0
	environment.value(input, one, "GOMAXPROCS") == {"text": ""}
	workload.annotation(input, "heapgate.dev/automaxprocs") != "true"
}

unaware(one) if runtime.version(input, one) < 25

unaware(one) if runtime.unaware(input, one, environment.value(input, one, "GODEBUG").text)

warn contains result.finding(chain, {
	"target": workload.name(one),
	"facts": {"cpu_limit": limited(one)},
}) if {
	some one in judged
	unaware(one)
}

warn contains result.finding(chain, {
	"severity": "info",
	"target": workload.name(one),
	"facts": {"reason": "missing", "detail": "the Go version", "cpu_limit": limited(one)},
}) if {
	some one in judged
	not unaware(one)
	not runtime.version(input, one)
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable
