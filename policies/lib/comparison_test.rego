# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package lib.comparison_test

import data.lib.comparison

limits := {"limit": 1.1, "pass_margin": 1.02}

held := {"outcome": "pass", "reason": null, "ratio": 1, "lower": 0.9, "upper": 1.09}

given(fields) := {"baseline": {"kind": "previous"}, "compared": object.union(held, fields), "sites": []}

state(fields) := comparison.state(given(fields), limits)

test_states if {
	every name, changes in {
		"held": [{}, {"reason": ""}, {"lower": 1}, {"upper": 1}],
		"failed": [{"outcome": "fail", "ratio": 1.2, "upper": 1.3}, {"outcome": "fail"}],
		"undecided": [{"outcome": "inconclusive", "reason": "too_short", "ratio": null}],
		"malformed": [
			{"outcome": ""}, {"outcome": "inconclusive"}, {"outcome": "inconclusive", "reason": ""},
			{"outcome": "inconclusive", "reason": "not_finite"}, {"outcome": "inconclusive", "reason": "bad_settings"},
			{"upper": 1.1}, {"upper": 2}, {"upper": null}, {"lower": null}, {"ratio": null}, {"ratio": "1"}, {"lower": 0}, {"lower": -1},
			{"lower": 1.05}, {"upper": 0.95}, {"outcome": "fail", "lower": 0}, {"outcome": "fail", "upper": null}, {"outcome": "fail", "upper": "2"},
		],
	} {
		every fields in changes {
			state(fields) == name
		}
	}
}

test_nothing_was_compared if {
	every baseline in [{}, {"kind": "none"}, {"kind": "Previous"}, {"kind": null}] {
		comparison.state(object.union(given({}), {"baseline": {"kind": 0}}), limits) == "absent"
		comparison.state({"baseline": baseline, "compared": held, "sites": []}, limits) == "absent"
	}
	comparison.state({"baseline": {"kind": "concurrent"}, "compared": {}, "sites": []}, limits) == "absent"
	every kind in ["concurrent", "previous", "last_week"] {
		comparison.state({"baseline": {"kind": kind}, "compared": held, "sites": []}, limits) == "held"
	}
}

test_without_a_limit_nothing_holds if comparison.state(given({}), {}) == "malformed"

test_reasons if {
	comparison.reason({"baseline": {"kind": "none", "reason": "first"}, "compared": {}}, limits) == {"reason": "no_baseline", "detail": "first"}
	comparison.reason({"baseline": {"reason": 1}, "compared": {}}, limits) == {"reason": "no_baseline", "detail": ""}
	comparison.reason({"baseline": {"kind": "previous"}, "compared": {}}, limits) == {"reason": "missing"}
	comparison.reason(given({"outcome": "inconclusive", "reason": "too_short"}), limits) == {"reason": "too_short"}
	comparison.reason(given({"outcome": "inconclusive", "reason": "bad_settings"}), limits) == {"reason": "bad_settings"}
	comparison.reason(given({"outcome": "inconclusive", "reason": ""}), limits) == {"reason": "malformed"}
	comparison.reason(given({"outcome": "inconclusive", "reason": 1}), limits) == {"reason": "malformed"}
	comparison.reason(given({"upper": 9, "reason": "x"}), limits) == {"reason": "malformed"}
	comparison.reason(given({}), limits) == {}
}

test_three_sites_that_grew if {
	sites := [{"difference": 9}, {"difference": -1}, {"difference": 0}, {"difference": 5}, {"difference": 3}, {"difference": 2}]
	comparison.where({"sites": sites}) == {"sites": [{"difference": 9}, {"difference": 5}, {"difference": 3}]}
	comparison.where({"sites": [{"difference": -1}]}) == {}
	comparison.where({"sites": []}) == {}
}
