# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: A required signal is absent, thin or old
# description: |
#   Every signal named in the limits must have a value, from enough samples, without long gaps and young enough. A value that comes together with a
#   reason against it, or an absence without a reason, is malformed whether the signal is required or not.
# schemas:
#   - input: schema.evidence
#   - data.limits: schema.limits
# custom:
#   id: EVID-001
#   severity: medium
#   signal: signals
#   failure_msg: required signal unusable
#   solution: |
#     See the facts: `missing` is a scrape or a name that never came, `stale` a collector that stopped, `partial` gaps in the window, `too_few` a process that is too young.
package gate.evidence.signals

import data.lib.reading
import data.lib.result

chain := rego.metadata.chain()

limits := data.limits.evidence

default signals := {}

signals := input.signals

required := {name | some name in limits.required}

checks contains "EVID-001" if {
	count(required) > 0
	is_number(limits.min_coverage)
	is_number(limits.max_age_seconds)
	is_number(limits.min_samples)
}

inconclusive contains of(name, result.unmeasured(chain, signal, null)) if {
	some name in required
	signal := object.get(signals, name, {})
	not reading.measured(signal)
}

inconclusive contains of(name, result.unmeasured(chain, signal, null)) if {
	some name, signal in signals
	not reading.measured(signal)
	reading.reason(signal) == "malformed"
}

inconclusive contains of(name, weak(signal, {"reason": "partial", "min_coverage": limits.min_coverage})) if {
	some name in required
	signal := signals[name]
	reading.measured(signal)
	not covered(signal)
}

inconclusive contains of(name, weak(signal, {"reason": "too_few", "min_samples": limits.min_samples})) if {
	some name in required
	signal := signals[name]
	reading.measured(signal)
	not enough(signal)
}

inconclusive contains of(name, weak(signal, {"reason": "stale", "max_age_seconds": limits.max_age_seconds})) if {
	some name in required
	signal := signals[name]
	reading.measured(signal)
	not fresh(signal)
}

# A young process is covered from its first sample on, and two samples are no evidence.
enough(signal) if {
	is_number(signal.samples)
	signal.samples >= limits.min_samples
}

covered(signal) if {
	is_number(signal.coverage)
	signal.coverage >= limits.min_coverage
}

# A signal from the future is as strange as an old one: the clocks differ by more than the limit.
fresh(signal) if {
	is_number(signal.age_seconds)
	abs(signal.age_seconds) <= limits.max_age_seconds
}

of(name, finding) := object.union(finding, {"signal": name})

weak(signal, facts) := object.union(result.exceeded(chain, signal, null), {"facts": facts})
