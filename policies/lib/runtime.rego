# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: The Go runtime's settings
# description: |
#   The grammars in which Go's runtime reads its environment. A malformed GOMEMLIMIT ends a process at its start; a malformed GOGC or
#   GOMAXPROCS is passed over in silence. What one version takes and another does not, such as a plus, is malformed here.
package lib.runtime

import data.lib.workload

# unlimited is a GOMEMLIMIT that is none. What is neither that nor quantity.go the runtime refuses.
unlimited(text) if text in {"", "off"}

# gogc is the percentage, -1 where the collector is off, and undefined for what is passed over: then it is 100.
gogc(text) := -1 if {
	text == "off"
} else := max([-1, integer(text)])

# gomaxprocs is undefined for what is passed over.
gomaxprocs(text) := number if {
	number := integer(text)
	number > 0
}

# integer is a 32 bit integer.
integer(text) := 0 if {
	regex.match(`^-?0+$`, text)
} else := number if {
	regex.match(`^-?0*[1-9][0-9]{0,9}$`, text)
	number := to_number(trim_left(text, "-0")) * sign(text)
	number >= -2147483648
	number <= 2147483647
}

sign(text) := -1 if {
	startswith(text, "-")
} else := 1

# godebug is the settings of GODEBUG. Of several of one name the last counts.
godebug(text) := {key: setting |
	pairs := split(text, ",")
	some i, pair in pairs
	key := split(pair, "=")[0]
	last := max([j | some j, other in pairs; startswith(other, concat("", [key, "="]))])
	i == last
	setting := substring(pair, count(key) + 1, -1)
}

# minor is the second number of a Go version such as go1.26.8, 1.27rc1 or "go1.25.1 X:nocoverageredesign".
minor(version) := to_number(split(split(split(numbers[1], "rc")[0], "beta")[0], " ")[0]) if {
	regex.match(`^(go)?1\.[0-9]{1,3}((rc|beta)[0-9]+)?(\.[0-9]+)?( .*)?$`, version)
	numbers := split(trim_prefix(version, "go"), ".")
}

# version is the second number of the Go version that a container was built with, as an annotation or the image's build information
# says; undefined where neither does.
version(object, one) := minor(workload.annotation(object, "heapgate.dev/go-version")) if {
	one == workload.container(object)
} else := minor(object.buildinfo[one.image].go_version)

# unaware tells of a runtime that is told not to count its processors by the CPU limit. The go line of an older go.mod makes that the
# default.
unaware(_, _, variable) if godebug(variable).containermaxprocs == "0"

unaware(object, one, variable) if {
	not godebug(variable).containermaxprocs
	godebug(object.buildinfo[one.image].default_godebug).containermaxprocs == "0"
}
