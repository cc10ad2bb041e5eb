# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

package lib.quantity_test

import data.lib.quantity

test_kubernetes if {
	want := {
		"0": 0,
		"1": 1,
		"512": 512,
		"+512": 512,
		"-1": -1,
		"1.5": 1.5,
		"1e3": 1000,
		"1E3": 1000,
		"1e+3": 1000,
		"15e-1": 1.5,
		"+1e3": 1000,
		"512Ki": 524288,
		"512Mi": 536870912,
		"+1Gi": 1073741824,
		"1.5Gi": 1610612736,
		"1Ti": 1099511627776,
		"1Pi": 1125899906842624,
		"1Ei": 1152921504606846976,
		"1k": 1000,
		"512M": 512000000,
		"1G": 1000000000,
		"1T": 1000000000000,
		"1P": 1000000000000000,
		"1E": 1000000000000000000,
		"1500m": 1.5,
		"2000000u": 2,
		"3000000000n": 3,
	}
	got := {text: bytes | some text, _ in want; bytes := quantity.kubernetes(text)}
	got == want
	quantity.kubernetes(512) == 512
}

test_no_quantity_of_kubernetes if {
	refused := [
		"", " ", "Mi", "512MiB", "512MB", "512K", "512ki", "512 Mi", " 512Mi", "1e", "1e3Mi", "0x10", "1_000", "1.", ".5", "--1", "1e100",
		"512mi", "NaN", "Inf", "512Mi\n", "9999999999999999999999999999999", "1.9999999999999999999999999999999",
	]
	[text | some text in refused; quantity.kubernetes(text)] == []
}

test_go if {
	want := {
		"0": 0,
		"1": 1,
		"512": 512,
		"512B": 512,
		"512KiB": 524288,
		"460MiB": 482344960,
		"1GiB": 1073741824,
		"1TiB": 1099511627776,
		"9223372036854775807": 9223372036854775807,
		"8388607TiB": 9223370937343148032,
		"0000000000000000000000512MiB": 536870912,
	}
	got := {text: bytes | some text, _ in want; bytes := quantity.go(text)}
	got == want
}

test_refused_by_the_go_runtime if {
	refused := [
		"", "off", "512Mi", "512M", "512MB", "0.5GiB", "512mib", " 512MiB", "512MiB ", "512K", "MiB", "-1", "1PiB", "1e3", "8388608TiB",
		"9223372036854775808", "99999999999999999999", "-", "-B", "-1KiB", "-0", "-MiB", "+1", 512, null,
	]
	[text | some text in refused; quantity.go(text)] == []
}
