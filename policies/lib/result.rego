# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Findings
# description: A finding is facts and never a sentence. Who and how severe comes from the metadata of the rule's package.
package lib.result

import data.lib.reading

# finding is what a rule says. chain is the rule's rego.metadata.chain(), facts are whatever differs from the defaults.
finding(chain, facts) := object.union_n([
	{"target": "", "value": null, "limit": null, "unit": "", "facts": {}},
	identity(chain),
	facts,
])

# exceeded is the finding for a measured reading beyond its limit.
exceeded(chain, measured, limit) := finding(chain, {
	"target": measured.target,
	"value": measured.value,
	"limit": limit,
	"unit": measured.unit,
	"facts": reading.warnings(measured),
})

# unmeasured is the finding for a reading that is no number to compare with the limit.
unmeasured(chain, unread, limit) := finding(chain, {
	"target": object.get(unread, "target", ""),
	"limit": limit,
	"unit": object.get(unread, "unit", ""),
	"facts": object.union({"reason": reading.reason(unread)}, reading.warnings(unread)),
})

identity(chain) := {
	"id": annotations.custom.id,
	"msg": annotations.custom.failure_msg,
	"severity": annotations.custom.severity,
	"signal": annotations.custom.signal,
} if {
	some link in chain
	annotations := link.annotations
}
