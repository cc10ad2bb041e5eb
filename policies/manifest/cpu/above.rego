# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: GOMAXPROCS is above the CPU limit
# description: |
#   More threads than the CPU limit pays for are throttled, garbage collection among them. Since Go 1.25 the runtime itself takes the limit
#   rounded up, at least 2; GOMAXPROCS overrides that.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-012
#   severity: low
#   signal: gomaxprocs
#   failure_msg: GOMAXPROCS above the CPU limit
#   collections: [strict]
#   solution: |
#     Leave GOMAXPROCS out with Go 1.25 or newer, else set it to the CPU limit rounded up.
#   avoid: |
#     ```yaml
#     env: [{name: GOMAXPROCS, value: "16"}]
#     resources: {limits: {cpu: "2"}}
#     ```
#   prefer: |
#     ```yaml
#     resources: {limits: {cpu: "2"}}
#     ```
#   exceptions: |
#     A program whose threads mostly wait in cgo or in system calls.
package manifest.cpu.above

import data.lib.environment
import data.lib.quantity
import data.lib.result
import data.lib.runtime
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

checks contains "GOMEM-012" if judgeable

warn contains result.finding(chain, {
	"target": workload.name(one),
	"value": number,
	"limit": most,
	"unit": "{thread}",
}) if {
	some one in judged
	number := runtime.gomaxprocs(environment.value(input, one, "GOMAXPROCS").text)
	limit := quantity.kubernetes(workload.limit(input, one, "cpu"))
	limit > 0
	most := max([2, ceil(limit)])
	number > most
}

inconclusive contains result.finding(chain, {"facts": {"reason": "missing"}}) if not judgeable
