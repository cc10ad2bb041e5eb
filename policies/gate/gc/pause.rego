# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Garbage collection pauses are too long
# description: |
#   The 99th percentile of the stop-the-world pauses of the garbage collector during the window, the worst of the workload's targets.
#   A pause stops every goroutine, so each request in flight waits for it.
# schemas:
#   - input: schema.evidence
#   - data.limits: schema.limits
# custom:
#   id: GC-002
#   severity: medium
#   signal: gc_pause_p99_seconds
#   failure_msg: gc pause p99 above the limit
#   solution: |
#     Look for processes with more goroutines or threads than processors, for CPU throttling by the container's limit, and for very large stacks.
package gate.gc.pause

import data.lib.reading
import data.lib.result

chain := rego.metadata.chain()

default pause := {}

pause := input.signals.gc_pause_p99_seconds

limit := data.limits.gc_pause_p99_seconds

checks contains "GC-002" if {
	reading.measured(pause)
	is_number(limit)
}

deny contains result.exceeded(chain, pause, limit) if {
	reading.measured(pause)
	pause.value > limit
}

inconclusive contains result.unmeasured(chain, pause, limit) if not reading.measured(pause)
