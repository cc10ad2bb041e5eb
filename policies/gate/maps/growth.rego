# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: A map grows without bound
# description: |
#   Each allocation site of map memory, by function and line. A map grows without bound when its buckets are allocated at a rate that is
#   certainly above the limit, most of that memory stays in use, and this went on over several windows and at least so many
#   doublings of the memory in use. A site that is fast and retained but not yet observed for long enough is inconclusive.
# schemas:
#   - input: schema.evidence
#   - data.limits: schema.limits
# custom:
#   id: MAP-001
#   severity: high
#   signal: map_sites
#   failure_msg: map growth at a site above the limit
#   solution: |
#     Bound the map at the named line: evict by age or number, delete what is done, or key it by something finite. A Go map never gives memory back; copy it to a new map after deleting much.
package gate.maps.growth

import data.lib.reading
import data.lib.result

chain := rego.metadata.chain()

limits := data.limits.map_growth

default watched := {}

watched := input.signals.map_sites_watched

sites := input.map_sites

# map_make, map_clone and map_box are paid once for each map; a map without bound shows in the memory of its growth.
growth_classes := {"map_grow", "map_overflow", "sync_map"}

needed := {"windows": limits.min_windows, "doublings": limits.min_doublings, "samples": limits.min_samples}

suspects := [site | some site in sites; site.class in growth_classes; not slow(site); not garbage(site)]

slow(site) if {
	is_number(site.lower)
	site.lower <= limits.min_rate
}

# A map that lives as long as a request grows fast and retains nothing; of such a one there may be no doublings to tell.
garbage(site) if {
	is_number(site.retained_share)
	site.retained_share < limits.min_retained_share
}

absent(site) := {name | some name in {"lower", "retained_share", "windows", "doublings", "samples"}; not is_number(site[name])}

growing := [site | some site in suspects; absent(site) == set()]

short(site) := {name | some name, minimum in needed; site[name] < minimum}

checks contains "MAP-001" if {
	reading.measured(watched)
	is_array(sites)
	is_object(needed)
}

deny contains at(site, {}) if {
	some site in growing
	short(site) == set()
}

# Fast and retained, but not yet for long enough to tell a leak from a cache that fills: neither pass nor fail.
inconclusive contains at(site, {"reason": "too_few", "short": short(site)}) if {
	some site in growing
	short(site) != set()
}

inconclusive contains at(site, {"reason": "missing", "absent": absent(site)}) if {
	some site in suspects
	absent(site) != set()
}

inconclusive contains result.unmeasured(chain, watched, null) if not reading.measured(watched)

# Sites are watched, but no rate of any of them is known.
inconclusive contains result.finding(chain, {
	"target": watched.target,
	"facts": {"reason": "missing", "sites_watched": watched.value},
}) if {
	reading.measured(watched)
	watched.value > 0
	sites == []
}

at(site, facts) := result.finding(chain, {
	"target": site.target,
	"value": object.get(site, "lower", null),
	"limit": limits.min_rate,
	"unit": "By/s",
	"facts": object.union_n([object.remove(site, {"target"}), {"needed": needed}, facts]),
})
