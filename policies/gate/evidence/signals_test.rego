# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package gate.evidence.signals_test

import data.gate.evidence.signals
import data.lib.patch_test as patch

passes if {
	signals.checks == {"EVID-001"}
	signals.inconclusive == set()
}

why := {[finding.signal, finding.facts.reason] | some finding in signals.inconclusive}

test_passing_evidence_passes if {
	passes with input as data.passing
}

test_each_required_signal_must_be_there if {
	every name in data.limits.evidence.required {
		why == {[name, "missing"]} with input as patch.without(name)
		why == {[name, "gap"]} with input as patch.signal(name, {"value": null, "reason": "gap"})
	}
}

test_other_signals_may_be_absent if {
	passes with input as patch.signal("memory_limit_bytes", {"value": null, "reason": "missing"})
	passes with input as patch.without("memory_limit_bytes")
}

test_contradiction_is_malformed_in_every_signal if {
	every name in ["gc_cpu_share", "allocation_rate_bytes_per_second"] {
		why == {[name, "malformed"]} with input as patch.signal(name, {"reason": "stale"})
		why == {[name, "malformed"]} with input as patch.signal(name, {"value": null})
	}
}

test_coverage if {
	passes with input as patch.signal("cycles", {"coverage": 0.8})
	passes with input as patch.signal("memory_limit_bytes", {"coverage": 0.1})
	every coverage in [0.79, null, "1"] {
		why == {["cycles", "partial"]} with input as patch.signal("cycles", {"coverage": coverage})
	}
}

test_absent_signal_has_one_reason if {
	fields := {"value": null, "reason": "gap", "samples": 0, "coverage": 0, "age_seconds": null}
	why == {["cycles", "gap"]} with input as patch.signal("cycles", fields)
}

test_samples if {
	passes with input as patch.signal("cycles", {"samples": 4})
	passes with input as patch.signal("memory_limit_bytes", {"samples": 1})
	every samples in [3, null, "4"] {
		why == {["cycles", "too_few"]} with input as patch.signal("cycles", {"samples": samples})
	}
}

test_age if {
	passes with input as patch.signal("cycles", {"age_seconds": 300})
	passes with input as patch.signal("cycles", {"age_seconds": -300})
	passes with input as patch.signal("memory_limit_bytes", {"age_seconds": 301})
	every age in [301, -301, null, "1"] {
		why == {["cycles", "stale"]} with input as patch.signal("cycles", {"age_seconds": age})
	}
}

test_weak_signal_shows_its_numbers_and_the_limit if {
	signals.inconclusive == {{
		"id": "EVID-001",
		"msg": "required signal unusable",
		"severity": "medium",
		"signal": "cycles",
		"target": "10.0.0.1:6060",
		"value": 120,
		"limit": null,
		"unit": "{gc_cycle}",
		"facts": {
			"samples": 40,
			"expected_samples": 40,
			"coverage": 0.5,
			"age_seconds": 10,
			"reason": "partial",
			"min_coverage": 0.8,
		},
	}} with input as patch.signal("cycles", {"coverage": 0.5})
	some finding in signals.inconclusive with input as patch.signal("cycles", {"age_seconds": 400})
	finding.facts.max_age_seconds == 300
}

test_absent_signal_shows_what_is_known if {
	some finding in signals.inconclusive with input as patch.signal("cycles", {"value": null, "reason": "gap", "detail": "restart"})
	finding.value == null
	finding.target == "10.0.0.1:6060"
	finding.unit == "{gc_cycle}"
	finding.facts.detail == "restart"
}

test_no_evidence_never_passes if {
	every evidence in patch.nothing {
		why == {[name, "missing"] | some name in data.limits.evidence.required} with input as evidence
	}
	why == {[name, "missing"] | some name in data.limits.evidence.required}
}

test_no_limit_never_passes if {
	every name in ["required", "min_coverage", "min_samples", "max_age_seconds"] {
		limits := {"evidence": object.remove(data.limits.evidence, {name})}
		not passes with input as data.passing with data.limits as limits
		signals.checks == set() with input as data.passing with data.limits as limits
	}
	nothing_required := {"evidence": object.union(data.limits.evidence, {"required": []})}
	signals.checks == set() with input as data.passing with data.limits as nothing_required
}
