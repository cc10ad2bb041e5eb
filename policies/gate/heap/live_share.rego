# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The live heap fills the memory limit
# description: |
#   The live heap after a collection as a share of the memory limit. What is live cannot be collected: near the limit the process
#   spends its time in the collector and is then killed. Without a known limit there is nothing to compare with.
# schemas:
#   - input: schema.evidence
#   - data.limits: schema.limits
# custom:
#   id: HEAP-001
#   severity: high
#   signal: heap_live_bytes
#   failure_msg: live heap share of the memory limit above the limit
#   solution: |
#     Find what is kept alive with `inspect heap`, bound it, or raise the memory limit.
package gate.heap.live_share

import data.lib.reading
import data.lib.result

chain := rego.metadata.chain()

default live := {}

live := input.signals.heap_live_bytes

default memory := {}

memory := input.signals.memory_limit_bytes

limit := data.limits.heap_live_share

share := live.value / memory.value if {
	reading.measured(live)
	bounded
}

# A limit of zero bytes is no limit.
bounded if {
	reading.measured(memory)
	memory.value > 0
}

checks contains "HEAP-001" if {
	is_number(share)
	is_number(limit)
}

deny contains result.finding(chain, {
	"target": live.target,
	"value": share,
	"limit": limit,
	"unit": "1",
	"facts": object.union(reading.warnings(live), {"heap_live_bytes": live.value, "memory_limit_bytes": memory.value}),
}) if {
	share > limit
}

inconclusive contains result.unmeasured(chain, live, null) if not reading.measured(live)

inconclusive contains object.union(
	result.unmeasured(chain, memory, null),
	{"signal": "memory_limit_bytes"},
) if {
	not bounded
}
