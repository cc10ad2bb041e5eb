# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The workload is unnamed, or a target is missing or down
# description: |
#   A verdict speaks for a named workload and for all of its processes. With no target seen there is no evidence at all; with a target
#   down the evidence is that of the survivors.
# schemas:
#   - input: schema.evidence
#   - data.limits: schema.limits
# custom:
#   id: EVID-002
#   severity: medium
#   signal: targets
#   failure_msg: targets missing or down
#   solution: |
#     Check that the collector scrapes this workload, that the labels name it, and that each target answers at its pprof address.
package gate.evidence.targets

import data.lib.result

chain := rego.metadata.chain()

limit := data.limits.evidence.min_targets

default targets := {}

targets := input.targets

checks contains "EVID-002" if {
	is_number(targets.seen)
	is_number(targets.up)
	is_number(limit)
}

inconclusive contains result.finding(chain, {
	"value": object.get(targets, "seen", null),
	"limit": limit,
	"unit": "{target}",
	"facts": {"reason": "missing"},
}) if {
	not enough
}

inconclusive contains result.finding(chain, {
	"value": object.get(targets, "up", null),
	"limit": object.get(targets, "seen", null),
	"unit": "{target}",
	"facts": {"reason": "partial"},
}) if {
	not all_up
}

inconclusive contains result.finding(chain, {"signal": "workload.name", "facts": {"reason": "missing"}}) if not named

enough if {
	is_number(targets.seen)
	targets.seen >= limit
}

all_up if targets.up == targets.seen

named if trim_space(input.workload.name) != ""
