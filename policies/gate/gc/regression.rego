# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Collecting a byte costs more than in the previous version
# description: |
#   CPU seconds of the garbage collector per allocated byte, candidate over baseline. In the model of the collector it depends neither on
#   the load nor on the live heap: it moves when GOGC or GOMEMLIMIT press harder, or when the memory holds more pointers.
# schemas:
#   - input: schema.evidence
#   - data.limits: schema.limits
# custom:
#   id: GC-004
#   severity: high
#   signal: gc_cpu_per_byte
#   failure_msg: GC CPU per allocated byte above that of the baseline
#   solution: |
#     Compare GOGC, GOMEMLIMIT and the memory limit of the two versions; then look for new structures made of many small pointers.
#   exceptions: |
#     A memory limit that was lowered on purpose costs CPU. Give the rule the mode warn until the new level is the baseline.
package gate.gc.regression

import data.lib.comparison

chain := rego.metadata.chain()

limits := data.limits.comparison

default compared := {}

compared := input.comparison.signals.gc_cpu_per_byte

default baseline := {}

baseline := input.comparison.baseline

default sites := []

sites := input.comparison.sites

given := {"baseline": baseline, "compared": compared, "sites": sites}

state := comparison.state(given, limits)

undecided := {"undecided", "absent"}

checks contains "GC-004" if state in {"held", "failed"}

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
