# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Exceptions
# description: |
#   Whether an exception holds for a subject at a time, in nanoseconds. Anybody who may write one may write anything, so each field is
#   looked at before it is used: a value that a builtin refuses would end the whole decision.
package lib.exception

# refused names the first thing that speaks against an exception, and nothing if it holds.
refused(one, subject, now, max_seconds) := "malformed" if {
	not wellformed(one, max_seconds)
} else := "ticket" if {
	trim_space(one.ticket) == ""
} else := "approver" if {
	person(one.approver) in {"", person(one.author)}
} else := "scope" if {
	not in_scope(one, subject)
} else := "not_yet" if {
	now < time.parse_rfc3339_ns(one.starts)
} else := "expired" if {
	now >= time.parse_rfc3339_ns(one.expires)
} else := "uses" if {
	one.uses >= one.max_uses
} else := ""

wellformed(one, max_seconds) if {
	every field in ["name", "image_digest", "author", "approver", "ticket", "starts", "expires"] {
		is_string(one[field])
	}
	one.name != ""
	person(one.author) != ""
	named(one.rules)
	whole(one.uses, 0)
	whole(one.max_uses, 1)
	lasts(one, max_seconds)
}

# named holds for a list of ids. There is no word for all rules, and no exception from the rule about exceptions.
named(rules) if {
	is_array(rules)
	rules != []
	every id in rules {
		is_string(id)
		regex.match(`^[A-Z][A-Z0-9]*-[0-9]+$`, id)
		not startswith(id, "EXC-")
	}
}

whole(x, least) if {
	is_number(x)
	x >= least
	floor(x) == x
}

# lasts holds for an exception that ends after it starts, and not too late.
lasts(one, max_seconds) if {
	is_time(one.starts)
	is_time(one.expires)
	nanoseconds := time.parse_rfc3339_ns(one.expires) - time.parse_rfc3339_ns(one.starts)
	nanoseconds > 0
	nanoseconds <= max_seconds * 1000000000
}

# is_time holds for what time.parse_rfc3339_ns reads for certain. It ends the decision on any other text, also on the 30th of February.
is_time(text) if {
	regex.match(`^2[01][0-9]{2}-(0[1-9]|1[0-2])-[0-9]{2}T([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`, text)
	month := to_number(substring(text, 5, 2))
	day := to_number(substring(text, 8, 2))
	day >= 1
	day <= days(to_number(substring(text, 0, 4)), month)
}

days(year, month) := 29 if {
	month == 2
	leap(year)
} else := [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]

leap(year) if {
	year % 4 == 0
	year % 100 != 0
}

leap(year) if year % 400 == 0

# person is a name as it is compared: a second spelling is no second person.
person(name) := lower(trim_space(name))

# in_scope holds for an exception for this very image, in this namespace if it names one.
in_scope(one, subject) if {
	regex.match(`^sha256:[0-9a-f]{64}$`, one.image_digest)
	one.image_digest == subject.image_digest
	object.get(one, "namespace", subject.namespace) == subject.namespace
}

# facts says of an exception what can be said of any.
facts(one) := object.union(
	{field: value | some field in ["expires", "ticket", "author", "approver"]; value := string(one, field)},
	{"exception": string(one, "name"), "rules": ids(one), "uses": number(one, "uses"), "max_uses": number(one, "max_uses")},
)

string(one, field) := one[field] if {
	is_string(one[field])
} else := ""

number(one, field) := one[field] if {
	is_number(one[field])
} else := null

ids(one) := [id | some id in one.rules; is_string(id)] if {
	is_array(one.rules)
} else := []
