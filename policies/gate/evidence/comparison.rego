# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Nothing to compare with, or not yet decided
# description: |
#   A regression is a claim over a baseline: the same time on other pods, the previous version at the same age, or the week before.
#   Without one this rule warns, or is inconclusive if `comparison.required`. Before the last look it is inconclusive until a signal
#   failed or all of them hold, so that the gate goes on looking.
# schemas:
#   - input: schema.evidence
#   - data.limits: schema.limits
# custom:
#   id: EVID-004
#   severity: medium
#   signal: comparison
#   failure_msg: not compared
#   solution: |
#     Keep the previous version's series in the store for longer than the look back, and its pods running next to the candidate's if you can.
package gate.evidence.comparison

import data.lib.comparison
import data.lib.result

chain := rego.metadata.chain()

limits := data.limits.comparison

default baseline := {}

baseline := input.comparison.baseline

default look := {}

look := input.comparison.look

outcomes := {compared.outcome | some compared in input.comparison.signals}

decided if look.final == true

decided if "fail" in outcomes

decided if outcomes == {"pass"}

checks contains "EVID-004" if {
	comparison.made(baseline)
	decided
	is_boolean(limits.required)
}

warn contains unmade if {
	not comparison.made(baseline)
	limits.required == false
}

inconclusive contains unmade if {
	not comparison.made(baseline)
	limits.required
}

inconclusive contains result.finding(chain, {
	"value": object.get(look, "number", null),
	"limit": object.get(look, "of", null),
	"unit": "{look}",
	"facts": {"reason": "undecided"},
}) if {
	comparison.made(baseline)
	not decided
}

unmade := result.finding(chain, {"facts": {"reason": "no_baseline", "detail": comparison.detail(baseline)}})
