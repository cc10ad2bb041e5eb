# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package lib.exception_test

import data.lib.exception
import data.lib.patch_test as patch

now := time.parse_rfc3339_ns("2026-11-21T10:00:00Z")

subject := {"image_digest": patch.digest, "namespace": "shop"}

refused(fields) := exception.refused(object.union(patch.exception, fields), subject, now, 259200)

test_it_holds if {
	refused({}) == ""
	refused({"starts": "2026-11-21T10:00:00Z"}) == ""
	refused({"starts": "2026-11-21T10:00:00.5+00:30", "expires": "2026-11-24T10:00:00.5+00:30"}) == ""
	exception.refused(object.remove(patch.exception, {"namespace"}), subject, now, 259200) == ""
}

test_each_reason if {
	every reason, changes in {
		"ticket": [{"ticket": ""}, {"ticket": " "}],
		"approver": [{"approver": ""}, {"approver": "alice"}, {"approver": " Alice "}],
		"scope": [
			{"image_digest": ""},
			{"image_digest": "latest"},
			{"image_digest": "sha256:1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
			{"namespace": "other"},
			{"namespace": 1},
		],
		"not_yet": [{"starts": "2026-11-21T10:00:01Z"}],
		"expired": [{"expires": "2026-11-21T10:00:00Z"}, {"expires": "2026-11-21T09:30:00Z"}],
		"uses": [{"uses": 2}, {"uses": 3}],
	} {
		every fields in changes {
			refused(fields) == reason
		}
	}
}

# An empty digest of the exception is not that of a workload without a digest.
test_no_digest_is_no_scope if {
	one := object.union(patch.exception, {"image_digest": ""})
	exception.refused(one, {"image_digest": "", "namespace": "shop"}, now, 259200) == "scope"
}

test_what_is_malformed if {
	every fields in [
		{"name": ""}, {"name": 1}, {"image_digest": null}, {"author": ""}, {"author": " "}, {"author": {}},
		{"approver": null}, {"ticket": ["OPS-1"]},
		{"rules": []}, {"rules": "MAP-001"}, {"rules": ["*"]}, {"rules": ["MAP-001", ""]}, {"rules": [1]}, {"rules": {"MAP-001": true}},
		{"rules": ["EXC-001"]}, {"rules": ["MAP-001", "EXC-002"]}, {"rules": {"MAP-001"}}, {"rules": null},
		{"uses": -1}, {"uses": 0.5}, {"uses": "0"}, {"uses": null}, {"max_uses": 0}, {"max_uses": 1.5}, {"max_uses": "9"},
		{"starts": ""}, {"starts": "nothing"}, {"starts": 1}, {"expires": "tomorrow"}, {"expires": null},
		{"expires": "2026-11-21T09:00:00Z"}, {"expires": "2026-11-20T09:00:00Z"}, {"expires": "2026-11-24T09:00:01Z"},
		{"starts": "2026-11-20T11:00:00+25:00"}, {"expires": "2026-11-31T09:00:00Z", "starts": "2026-11-30T09:00:00Z"},
		{"expires": "2026-02-29T09:00:00Z"}, {"expires": "2026-11-00T09:00:00Z"}, {"expires": "1026-11-21T12:00:00Z"},
	] {
		refused(fields) == "malformed"
	}
	every one in [{}, {"name": "x"}, object.remove(patch.exception, {"uses"}), object.remove(patch.exception, {"expires"})] {
		exception.refused(one, subject, now, 259200) == "malformed"
	}
}

# What is_time lets through must never end a decision.
test_times if {
	every text in [
		"2026-01-31T23:59:59Z", "2026-04-30T00:00:00.123456789-11:30", "2028-02-29T00:00:00Z", "2028-04-30T00:00:00Z", "2000-02-29T00:00:00Z", "2199-12-31T23:59:59+23:59",
	] {
		exception.is_time(text)
		is_number(time.parse_rfc3339_ns(text))
	}
	every text in [
		"", "2026-04-31T00:00:00Z", "2100-02-29T00:00:00Z", "2027-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
		"2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01 00:00:00Z", "9999-01-01T00:00:00Z",
	] {
		not exception.is_time(text)
	}
}

test_facts_of_anything if {
	exception.facts({}) == {
		"exception": "", "rules": [], "expires": "", "ticket": "", "author": "", "approver": "", "uses": null, "max_uses": null,
	}
	exception.facts({"rules": ["MAP-001", 1], "name": 2, "uses": "1"}).rules == ["MAP-001"]
	exception.facts(object.union(patch.exception, {"max_uses": "9"})).max_uses == null
	exception.facts(patch.exception).exception == "shop-map"
}
