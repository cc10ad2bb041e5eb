# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The memory limit is nearly used up
# description: |
#   The share of the memory limit in use on the worst target, whatever it was before. A store without this signal warns, unless
#   `evidence.required` names it; a signal that came and cannot be used is inconclusive.
# schemas:
#   - input: schema.evidence
#   - data.limits: schema.limits
# custom:
#   id: HEAD-002
#   severity: high
#   signal: memory_share
#   failure_msg: share of the memory limit in use above the limit
#   solution: |
#     Raise the memory limit, or shrink what the process holds: the live heap (HEAP-001), stacks of goroutines, memory beyond Go's.
package gate.headroom.share

import data.lib.reading
import data.lib.result

chain := rego.metadata.chain()

default share := {}

share := input.signals.memory_share

limit := data.limits.memory_share

# optional holds for a signal that never came and that nobody asked for.
optional if {
	reading.reason(share) == "missing"
	not "memory_share" in data.limits.evidence.required
}

checks contains "HEAD-002" if {
	reading.measured(share)
	is_number(limit)
}

deny contains result.exceeded(chain, share, limit) if {
	reading.measured(share)
	share.value > limit
}

warn contains result.unmeasured(chain, share, limit) if optional

inconclusive contains result.unmeasured(chain, share, limit) if {
	not reading.measured(share)
	not optional
}
