# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Garbage collection takes too much CPU
# description: |
#   The share of all CPU time that the process spent in garbage collection during the window, the worst of the workload's targets.
#   Above the limit the collector competes with requests for processors.
# schemas:
#   - input: schema.evidence
#   - data.limits: schema.limits
# custom:
#   id: GC-001
#   severity: high
#   signal: gc_cpu_share
#   failure_msg: gc cpu share above the limit
#   solution: |
#     Allocate less (`inspect heap` names the sites), or give the process a larger GOGC or memory limit so that it collects less often.
package gate.gc.cpu_share

import data.lib.reading
import data.lib.result

chain := rego.metadata.chain()

default share := {}

share := input.signals.gc_cpu_share

limit := data.limits.gc_cpu_share

checks contains "GC-001" if {
	reading.measured(share)
	is_number(limit)
}

deny contains result.exceeded(chain, share, limit) if {
	reading.measured(share)
	share.value > limit
}

inconclusive contains result.unmeasured(chain, share, limit) if not reading.measured(share)
