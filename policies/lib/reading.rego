# Copyright The heapgate authors
# SPDX-License-Identifier: Apache-2.0

# METADATA
# title: Readings
# description: |
#   A reading is one signal of the evidence: a value with its unit, coverage and age, or null with the reason of its absence.
#   An absent signal is given as the empty object, so that every function here answers for it too.
package lib.reading

# measured holds only for a real number that nothing speaks against. No signal of a process can be negative.
measured(reading) if {
	is_number(reading.value)
	reading.value >= 0
	reading.reason == null
}

# reason names why a reading is not measured. It is only asked for such a reading.
reason(reading) := "missing" if {
	reading == {}
} else := reading.reason if {
	is_null(reading.value)
	is_string(reading.reason)
} else := "malformed"

# warnings is what a reading says of its own quality.
warnings(reading) := object.filter(reading, {"samples", "expected_samples", "coverage", "age_seconds", "detail"})
