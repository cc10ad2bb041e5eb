# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: A leak reaches the memory limit too soon
# description: |
#   The lower bound of the time until the live heap of the worst target reaches its limit, if it grows for certain and more steeply than
#   the baseline at the same age. A leak that takes longer than the limit warns. Telling takes a soak of hours: where it was too short
#   the rule warns, or is inconclusive if `leak.required`.
# schemas:
#   - input: schema.evidence
#   - data.limits: schema.limits
# custom:
#   id: LEAK-001
#   severity: high
#   signal: leak
#   failure_msg: time to the memory limit below the limit
#   solution: |
#     Compare two heap profiles hours apart with `inspect heap`, and look for what is only ever added to. MAP-001 names maps.
package gate.leak.time_to_limit

import data.lib.comparison
import data.lib.result

chain := rego.metadata.chain()

limits := data.limits.leak

default leak := {}

leak := input.leak if is_object(input.leak)

time := leak.time_to_limit_seconds

leaks if {
	leak.state == "leak"
	is_number(time)
	time >= 0
}

# Nothing was said of leaks, or only that nothing can be said.
unknown if {
	object.get(leak, "state", null) in {"unknown", null}
	not reason in comparison.broken
}

checks contains "LEAK-001" if leak.state == "none"

checks contains "LEAK-001" if {
	leaks
	is_number(limits.time_to_limit_seconds)
}

deny contains found(time, {}) if {
	leaks
	time < limits.time_to_limit_seconds
}

warn contains found(time, {}) if {
	leaks
	time >= limits.time_to_limit_seconds
}

warn contains found(null, {"reason": reason}) if {
	unknown
	limits.required == false
}

inconclusive contains found(null, {"reason": reason}) if {
	unknown
	limits.required
}

inconclusive contains found(null, {"reason": "malformed"}) if {
	leak.state == "leak"
	not leaks
}

inconclusive contains found(null, {"reason": reason}) if reason in comparison.broken

default reason := "missing"

reason := leak.reason if {
	is_string(leak.reason)
	leak.reason != ""
}

found(value, facts) := result.finding(chain, {
	"target": object.get(leak, "target", ""),
	"value": value,
	"limit": limits.time_to_limit_seconds,
	"unit": "s",
	"facts": facts,
})
