# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Allocation rose over the previous version
# description: |
#   Allocated bytes per second of the candidate over those of its baseline, adjusted for the load. The sites whose rate changed by more
#   than three standard deviations of the profile's own sampling error are named, worst first.
# schemas:
#   - input: schema.evidence
#   - data.limits: schema.limits
# custom:
#   id: ALLOC-001
#   severity: high
#   signal: allocation_rate_bytes_per_second
#   failure_msg: allocation rate above that of the baseline
#   solution: |
#     Start at the named function and line: reuse the buffer, presize the map or slice, or stop converting between strings and bytes.
#   exceptions: |
#     Allocation that replaces something more expensive. Give an exception for the image; the next release is compared with this one.
package gate.alloc.regression

import data.lib.comparison

chain := rego.metadata.chain()

limits := data.limits.comparison

default compared := {}

compared := input.comparison.signals.allocation_rate_bytes_per_second

default baseline := {}

baseline := input.comparison.baseline

default sites := []

sites := input.comparison.sites

given := {"baseline": baseline, "compared": compared, "sites": sites}

state := comparison.state(given, limits)

undecided := {"undecided", "absent"}

checks contains "ALLOC-001" if state in {"held", "failed"}

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
