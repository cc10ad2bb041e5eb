# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Less room is left below the memory limit than in the previous version
# description: |
#   The share of the memory limit in use, candidate over baseline, adjusted for the load. It also moves when the limit itself was lowered.
# schemas:
#   - input: schema.evidence
#   - data.limits: schema.limits
# custom:
#   id: HEAD-001
#   severity: high
#   signal: memory_share
#   failure_msg: share of the memory limit above that of the baseline
#   solution: |
#     If the live heap grew too (HEAP-002), start there. Otherwise compare the memory limits, stacks and goroutines of the two versions.
#   exceptions: |
#     A limit lowered on purpose. HEAD-002 still judges what is left.
package gate.headroom.regression

import data.lib.comparison

chain := rego.metadata.chain()

limits := data.limits.comparison

default compared := {}

compared := input.comparison.signals.memory_share

default baseline := {}

baseline := input.comparison.baseline

default sites := []

sites := input.comparison.sites

given := {"baseline": baseline, "compared": compared, "sites": sites}

state := comparison.state(given, limits)

undecided := {"undecided", "absent"}

checks contains "HEAD-001" if state in {"held", "failed"}

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
