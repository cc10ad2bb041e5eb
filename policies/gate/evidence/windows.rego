# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Too few windows for a claim about maps
# description: |
#   Growth is only told from noise over several windows in which the garbage collector advanced, because the heap profile
#   changes only when a collection ends. The target with the fewest windows counts.
# schemas:
#   - input: schema.evidence
#   - data.limits: schema.limits
# custom:
#   id: EVID-003
#   severity: medium
#   signal: windows
#   failure_msg: windows below the minimum
#   solution: |
#     Wait longer, widen the window, or scrape less often than the process collects. An idle process collects every two minutes.
package gate.evidence.windows

import data.lib.reading
import data.lib.result

chain := rego.metadata.chain()

limit := data.limits.evidence.min_windows

default windows := {}

windows := input.signals.windows

checks contains "EVID-003" if {
	reading.measured(windows)
	is_number(limit)
}

inconclusive contains result.unmeasured(chain, windows, limit) if not reading.measured(windows)

inconclusive contains object.union(
	result.exceeded(chain, windows, limit),
	{"facts": {"reason": "too_few"}},
) if {
	reading.measured(windows)
	windows.value < limit
}
