# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The memory limit drives the garbage collector
# description: |
#   The share of the window's cycles whose heap goal was not above the live heap. In such a cycle GOMEMLIMIT forces the collector
#   to run although nothing can be freed. A warning: the heap's distance to its limit is judged by HEAP-001.
# schemas:
#   - input: schema.evidence
#   - data.limits: schema.limits
# custom:
#   id: GC-003
#   severity: medium
#   signal: limit_pressure
#   failure_msg: share of cycles under limit pressure above the limit
#   solution: |
#     Raise the container's memory limit and GOMEMLIMIT with it, or shrink what the process keeps alive.
package gate.gc.limit_pressure

import data.lib.reading
import data.lib.result

chain := rego.metadata.chain()

default pressure := {}

pressure := input.signals.limit_pressure

limit := data.limits.limit_pressure

checks contains "GC-003" if {
	reading.measured(pressure)
	is_number(limit)
}

warn contains result.exceeded(chain, pressure, limit) if {
	reading.measured(pressure)
	pressure.value > limit
}

inconclusive contains result.unmeasured(chain, pressure, limit) if not reading.measured(pressure)
