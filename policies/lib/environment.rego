# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Environment
# description: |
#   What a variable of a container's environment will hold, as far as the manifest tells: {"text": ...}, empty where it is not set, as
#   the Go runtime takes both for the same; or {"unknown": ...} and why. "hidden" beside an empty text says that envFrom may set it.
package lib.environment

import data.lib.quantity
import data.lib.workload

value(manifest, one, key) := {"text": "", "hidden": "envFrom may set it"} if {
	workload.variable(one, key) == {}
	count(one.envFrom) > 0
} else := {"text": amount} if {
	amount := field(manifest, one, workload.variable(one, key).valueFrom.resourceFieldRef)
} else := {"unknown": "its value is not in the manifest"} if {
	workload.variable(one, key).valueFrom
} else := {"unknown": "its value is no text"} if {
	not is_string(text(one, key))
} else := {"unknown": "it refers to another variable"} if {
	contains(text(one, key), "$(")
} else := {"text": text(one, key)}

text(one, key) := object.get(workload.variable(one, key), "value", "")

# field is what the kubelet makes of a resourceFieldRef: the amount in units of the divisor, rounded up, counted in thousandths. Without a limit it takes what
# the node has, which nobody knows here.
field(manifest, one, ref) := format_int(ceil(round(amount(source(manifest, one, ref), ref.resource) * 1000) / round(divisor(ref) * 1000)), 10)

source(manifest, one, ref) := one if {
	object.get(ref, "containerName", "") in {"", workload.name(one)}
} else := found[0] if {
	found := [other | some other in workload.containers(manifest); other.name == ref.containerName]
}

amount(one, resource) := bytes if {
	startswith(resource, "limits.")
	bytes := quantity.kubernetes(one.resources.limits[trim_prefix(resource, "limits.")])
	bytes > 0
} else := quantity.kubernetes(asked) if {
	startswith(resource, "requests.")
	asked := workload.request(one, trim_prefix(resource, "requests."))
	asked != null
} else := 0 if {
	startswith(resource, "requests.")
	workload.request(one, trim_prefix(resource, "requests.")) == null
}

divisor(ref) := 1 if {
	object.get(ref, "divisor", "0") in {"", "0", 0}
} else := units if {
	units := quantity.kubernetes(ref.divisor)
	units > 0
}

# automemlimit holds where the library of that name sets the limit when the program starts, by its own variable or as an annotation says.
automemlimit(_, one) if {
	variable := workload.variable(one, "AUTOMEMLIMIT")
	variable != {}
	object.get(variable, "value", "") != "off"
}

automemlimit(manifest, one) if {
	one == workload.container(manifest)
	not workload.annotation(manifest, "heapgate.dev/automemlimit") in {"", "off", "false"}
}
