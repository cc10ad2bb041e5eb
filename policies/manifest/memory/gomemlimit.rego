# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: GOMEMLIMIT is above the memory limit
# description: |
#   The runtime collects harder as it comes near GOMEMLIMIT. A GOMEMLIMIT above the container's memory limit never does that: the kernel
#   ends the process first. A GOMEMLIMIT whose value is not in the manifest, or that the runtime would refuse, cannot be judged.
# schemas:
#   - input: schema.manifest
#   - data.limits: schema.limits
# custom:
#   id: GOMEM-003
#   severity: high
#   signal: gomemlimit
#   failure_msg: GOMEMLIMIT above the memory limit of the container
#   solution: |
#     Set GOMEMLIMIT to at most nine tenths of resources.limits.memory, in the units of Go: 460MiB for a limit of 512Mi.
package manifest.memory.gomemlimit

import data.lib.quantity
import data.lib.result
import data.lib.workload

chain := rego.metadata.chain()

default container := {}

container := workload.container(input)

variable := workload.variable(container, "GOMEMLIMIT")

limit := quantity.kubernetes(workload.memory_limit(input))

# No GOMEMLIMIT at all is another rule's matter.
unset if {
	container != {}
	variable == {}
}

# The runtime takes an empty value for no value, and a variable without a value is empty.
unset if {
	variable != {}
	not variable.valueFrom
	object.get(variable, "value", "") in {"", "off"}
}

bytes := quantity.go(variable.value)

# The kubelet fills in the container's own limit, which is then no larger than itself.
bytes := limit if {
	source.resource == "limits.memory"
	object.get(source, "containerName", "") in {"", container.name}
	object.get(source, "divisor", "0") in {"", "0", "1"}
}

source := variable.valueFrom.resourceFieldRef

checks contains "GOMEM-003" if unset

checks contains "GOMEM-003" if {
	is_number(bytes)
	is_number(limit)
}

deny contains result.finding(chain, {
	"target": object.get(container, "name", ""),
	"value": bytes,
	"limit": limit,
	"unit": "By",
}) if {
	bytes > limit
}

# A variable of a whole ConfigMap or Secret may be GOMEMLIMIT as well.
warn contains result.finding(chain, {
	"target": object.get(container, "name", ""),
	"unit": "By",
	"facts": {"reason": "missing", "detail": "envFrom may set it"},
}) if {
	variable == {}
	count(container.envFrom) > 0
}

inconclusive contains result.finding(chain, {
	"target": object.get(container, "name", ""),
	"unit": "By",
	"facts": {"reason": reason},
}) if {
	not unset
	not comparable
}

comparable if {
	is_number(bytes)
	is_number(limit)
}

reason := "malformed" if {
	is_string(variable.value)
	not bytes
} else := "missing"
