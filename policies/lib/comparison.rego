# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Comparisons
# description: |
#   A comparison is one signal of the candidate over that of its baseline: given is {baseline, compared, sites}, each empty if it is
#   absent. The interval was computed before; here it is only held to its own numbers, so that nothing passes that was not compared.
package lib.comparison

import data.lib.result

# state names what a comparison says: held, failed, undecided, absent or, whatever else it may be, malformed.
state(given, limits) := "absent" if {
	not made(given.baseline)
} else := "absent" if {
	given.compared == {}
} else := "held" if {
	given.compared.outcome == "pass"
	bounded(given.compared)
	given.compared.upper < limits.limit
} else := "failed" if {
	given.compared.outcome == "fail"
	bounded(given.compared)
} else := "undecided" if {
	given.compared.outcome == "inconclusive"
	is_string(given.compared.reason)
	not given.compared.reason in ({""} | broken)
} else := "malformed"

# broken are reasons of which nobody can say that a comparison is optional: something is wrong, not just absent or uncertain.
broken := {"bad_settings", "not_finite"}

made(baseline) if baseline.kind in {"concurrent", "previous", "last_week"}

# bounded holds for a ratio within its own interval. In the order of all values null is below any number, and a text above.
bounded(compared) if {
	compared.lower > 0
	compared.lower <= compared.ratio
	compared.ratio <= compared.upper
	is_number(compared.upper)
}

# finding is what a rule says of a comparison in any state.
finding(chain, given, limits) := result.finding(chain, {
	"value": object.get(numbers(given), "ratio", null),
	"limit": limits.limit,
	"unit": "1",
	"facts": object.union_n([numbers(given), limited(limits), against(given.baseline), reason(given, limits), where(given)]),
})

# numbers are shown of a comparison that was made; without a baseline they would be of nothing.
numbers(given) := object.filter(given.compared, {
	"ratio", "lower", "upper", "baseline", "candidate", "pods_baseline", "pods_candidate", "points_baseline", "points_candidate", "adjusted",
	"unit",
}) if {
	made(given.baseline)
} else := {}

limited(limits) := object.filter(limits, {"pass_margin"})

against(baseline) := {fact: value | some name, fact in renamed; value := baseline[name]}

renamed := {"kind": "baseline_kind", "version": "baseline_version", "image_digest": "baseline_image_digest"}

# reason is why nothing was decided, and nothing if it was.
reason(given, limits) := {"reason": "no_baseline", "detail": detail(given.baseline)} if {
	not made(given.baseline)
} else := {"reason": "missing"} if {
	state(given, limits) == "absent"
} else := {"reason": given.compared.reason} if {
	given.compared.outcome == "inconclusive"
	is_string(given.compared.reason)
	given.compared.reason != ""
} else := {"reason": "malformed"} if {
	state(given, limits) == "malformed"
} else := {}

detail(baseline) := baseline.reason if {
	is_string(baseline.reason)
} else := ""

# where names the three sites that grew most, if any did; they come worst first.
where(given) := {"sites": array.slice(grown, 0, 3)} if {
	grown := [site | some site in given.sites; site.difference > 0]
	grown != []
} else := {}
