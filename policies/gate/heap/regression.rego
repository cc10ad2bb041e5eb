# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The live heap grew over the previous version
# description: |
#   The live heap of the candidate over that of its baseline, adjusted for the load. It fails when the lower bound of the ratio is above the
#   pass margin and the ratio itself at or above the limit; it holds when the upper bound is below the limit.
# schemas:
#   - input: schema.evidence
#   - data.limits: schema.limits
# custom:
#   id: HEAP-002
#   severity: high
#   signal: heap_live_bytes
#   failure_msg: live heap above that of the baseline
#   solution: |
#     Look at the named sites first, then compare two heap profiles with `inspect heap`.
#   exceptions: |
#     A release that keeps more on purpose, such as a larger cache: give a larger `comparison.limit`, or an exception for its image.
package gate.heap.regression

import data.lib.comparison

chain := rego.metadata.chain()

limits := data.limits.comparison

default compared := {}

compared := input.comparison.signals.heap_live_bytes

default baseline := {}

baseline := input.comparison.baseline

default sites := []

sites := input.comparison.sites

given := {"baseline": baseline, "compared": compared, "sites": sites}

state := comparison.state(given, limits)

undecided := {"undecided", "absent"}

checks contains "HEAP-002" if state in {"held", "failed"}

deny contains comparison.finding(chain, given, limits) if state == "failed"

warn contains comparison.finding(chain, given, limits) if {
	limits.required == false
	state in undecided
}

inconclusive contains comparison.finding(chain, given, limits) if {
	limits.required
	state in undecided
}

inconclusive contains comparison.finding(chain, given, limits) if state == "malformed"
