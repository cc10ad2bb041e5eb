# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Quantities
# description: |
#   Bytes of the two grammars in which memory is written. Both are exact and refuse what their own parser refuses: 512Mi is a
#   quantity of Kubernetes and kills a Go process at its start. What is no quantity is undefined.
package lib.quantity

# kubernetes is the bytes of a resource.Quantity. The API server takes a number too. More digits than any memory has are refused,
# because they would be computed with.
kubernetes(quantity) := quantity if {
	is_number(quantity)
} else := to_number(trim_left(quantity, "+")) if {
	is_string(quantity)
	regex.match(`^[+-]?([0-9]{1,30}|[0-9]{1,30}\.[0-9]{1,30})([eE][+-]?[0-9]{1,2})?$`, quantity)
} else := (to_number(trim_left(digits, "+")) * kubernetes_units[unit][0]) / kubernetes_units[unit][1] if {
	is_string(quantity)
	regex.match(`^[+-]?([0-9]{1,30}|[0-9]{1,30}\.[0-9]{1,30})[A-Za-z]{1,2}$`, quantity)
	unit := trim_left(quantity, "+-.0123456789")
	digits := trim_suffix(quantity, unit)
}

# kubernetes_units are fractions, because 0.001 is none in binary.
kubernetes_units := {
	"Ki": [1024, 1],
	"Mi": [1048576, 1],
	"Gi": [1073741824, 1],
	"Ti": [1099511627776, 1],
	"Pi": [1125899906842624, 1],
	"Ei": [1152921504606846976, 1],
	"n": [1, 1000000000],
	"u": [1, 1000000],
	"m": [1, 1000],
	"k": [1000, 1],
	"M": [1000000, 1],
	"G": [1000000000, 1],
	"T": [1000000000000, 1],
	"P": [1000000000000000, 1],
	"E": [1000000000000000000, 1],
}

# go is the bytes of GOMEMLIMIT: digits with an optional unit, at most 2^63-1. A sign is taken by some versions of Go and ends the
# process of others, so that it is refused.
go(text) := bytes if {
	is_string(text)
	regex.match(`^0*[0-9]{1,19}([KMGT]iB|B)?$`, text)
	unit := trim_left(text, "0123456789")
	bytes := to_number(trim_suffix(text, unit)) * go_units[unit]
	bytes <= 9223372036854775807
}

go_units := {"": 1, "B": 1, "KiB": 1024, "MiB": 1048576, "GiB": 1073741824, "TiB": 1099511627776}
