# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: An exception was given
# description: |
#   Each exception that was found for the workload is said, and why it is refused if it is. One that holds names another approver than
#   its author, a ticket, this very image, rules by id, a time of at most 72 hours that is now, and has uses left. What the named rules
#   find is still measured and said; it stops nothing. This rule warns whenever there is an exception, so that none is silent.
# schemas:
#   - input: schema.evidence
#   - data.limits: schema.limits
# custom:
#   id: EXC-001
#   severity: critical
#   signal: exceptions
#   failure_msg: exception given
#   solution: |
#     See `facts.refused`. If it holds, see to it that what it excuses is gone before it ends: it cannot be prolonged, only given anew.
#   exceptions: |
#     No exception excuses this rule. With the mode dryrun it refuses all of them.
package gate.override.exception

import data.lib.exception
import data.lib.result

chain := rego.metadata.chain()

limits := data.limits.exceptions

now := time.parse_rfc3339_ns(input.now)

subject := {"image_digest": object.get(input.workload, "image_digest", ""), "namespace": input.workload.namespace}

checks contains "EXC-001" if {
	is_number(now)
	is_string(subject.namespace)
	is_number(limits.max_seconds)
}

warn contains result.finding(chain, {
	"value": exception.number(one, "uses"),
	"limit": exception.number(one, "max_uses"),
	"unit": "{use}",
	"facts": object.union(exception.facts(one), {"refused": refused, "valid": refused == ""}),
}) if {
	some one in input.exceptions
	refused := exception.refused(one, subject, now, limits.max_seconds)
}
