# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: GOMEMLIMIT is above the memory limit
# description: |
#   The runtime collects harder as it comes near GOMEMLIMIT. A GOMEMLIMIT above the container's memory limit never does that: the kernel
#   ends the process first. Above 95 % of it there is no room for what GOMEMLIMIT does not count, such as cgo and the page cache, which is
#   a warning; the container's own limit as GOMEMLIMIT (resourceFieldRef) is 100 %. A GOMEMLIMIT whose value is not in the manifest, or
#   that the runtime would refuse, cannot be judged.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-003
#   severity: high
#   signal: gomemlimit
#   failure_msg: GOMEMLIMIT above the memory limit of the container
#   collections: [minimal, recommended, strict]
#   solution: |
#     Set GOMEMLIMIT to at most nine tenths of resources.limits.memory, in the units of Go: 460MiB for a limit of 512Mi.
#   avoid: |
#     ```yaml
#     env: [{name: GOMEMLIMIT, value: 1GiB}]
#     resources: {limits: {memory: 512Mi}}
#     ```
#   prefer: |
#     ```yaml
#     env: [{name: GOMEMLIMIT, value: 460MiB}]
#     resources: {limits: {memory: 512Mi}}
#     ```
#   exceptions: |
#     None for what is above the limit. A process without cgo that maps no files may live with 97 %; set the rule's mode to dryrun.
package manifest.memory.gomemlimit

import data.lib.quantity
import data.lib.result
import data.lib.workload

chain := rego.metadata.chain()

judgeable if workload.judgeable(input)

judged := workload.judged(input)

variable(one) := workload.variable(one, "GOMEMLIMIT")

limit(one) := quantity.kubernetes(workload.limit(input, one, "memory"))

# No GOMEMLIMIT at all is another rule's matter. The runtime takes an empty value for no value, and a variable without a value is empty.
unset(one) if {
	not variable(one).valueFrom
	object.get(variable(one), "value", "") in {"", "off"}
}

# The kubelet fills in the container's own limit, which is then no larger than itself.
bytes(one) := limit(one) if {
	source := variable(one).valueFrom.resourceFieldRef
	source.resource == "limits.memory"
	object.get(source, "containerName", "") in {"", one.name}
	object.get(source, "divisor", "0") in {"", "0", "1"}
} else := quantity.go(variable(one).value)

comparable(one) if {
	is_number(bytes(one))
	is_number(limit(one))
}

checks contains "GOMEM-003" if {
	judgeable
	every one in judged {
		spoken(one)
	}
}

spoken(one) if unset(one)

spoken(one) if comparable(one)

deny contains result.finding(chain, {
	"target": workload.name(one),
	"value": bytes(one),
	"limit": limit(one),
	"unit": "By",
}) if {
	some one in judged
	bytes(one) > limit(one)
}

warn contains result.finding(chain, {
	"target": workload.name(one),
	"value": bytes(one),
	"limit": limit(one) * 0.95,
	"unit": "By",
	"facts": {"memory_limit_bytes": limit(one)},
}) if {
	some one in judged
	bytes(one) <= limit(one)
	bytes(one) > limit(one) * 0.95
}

# A variable of a whole ConfigMap or Secret may be GOMEMLIMIT as well.
warn contains result.finding(chain, {
	"target": workload.name(one),
	"unit": "By",
	"facts": {"reason": "missing", "detail": "envFrom may set it"},
}) if {
	some one in judged
	variable(one) == {}
	count(one.envFrom) > 0
}

inconclusive contains result.finding(chain, {
	"target": workload.name(one),
	"unit": "By",
	"facts": {"reason": reason(one)},
}) if {
	some one in judged
	not spoken(one)
}

inconclusive contains result.finding(chain, {"unit": "By", "facts": {"reason": "missing"}}) if not judgeable

reason(one) := "malformed" if {
	is_string(variable(one).value)
	not bytes(one)
} else := "missing"
