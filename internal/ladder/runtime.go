// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package ladder

import (
	"strconv"
	"strings"
)

// Maps is which maps a runtime has.
type Maps string

const (
	Swiss  Maps = "swiss"
	Old    Maps = "old" // buckets with overflow
	Either Maps = ""    // not known
)

// Runtime is what differs between the runtimes that a process can have.
type Runtime struct {
	Maps  Maps
	Minor int // of go1.Minor, 0 if not known
	// Load is how full a map gets before it grows: entries per bucket of 8 (old), or per group of 8 (Swiss, per table of more than
	// one group). 0 if not known.
	Load float64
	// Inflation is by how much a map's memory may grow although its number of entries does not, because of what was deleted.
	Inflation float64
	// SameSize growth happens endlessly where keys come and go, at the same number of entries.
	SameSize bool
	// Mallocgc stands at the leaf of every stack of a heap text.
	Mallocgc bool
	// LeakProfile can be built in: the runtime itself reports leaked goroutines.
	LeakProfile bool
}

// RuntimeOf reads a version such as "go1.24.4 X:noswissmap", "go1.26-devel_0123", "swiss" or "old". Of what it cannot read it
// gives what is true of all.
func RuntimeOf(version string) Runtime {
	number, experiments, _ := strings.Cut(version, " ")
	minor := minorOf(number)
	maps := Either
	switch {
	case number == string(Swiss):
		maps = Swiss
	case number == string(Old), minor > 0 && minor < 24:
		maps = Old
	case minor == 0:
	case hasExperiment(experiments, "noswissmap") && minor < 26: // 1.26 has no other maps
		maps = Old
	default:
		maps = Swiss
	}
	r := Runtime{Maps: maps, Minor: minor, Inflation: 8, SameSize: maps != Swiss, Mallocgc: minor >= 26, LeakProfile: minor >= 26}
	switch maps {
	case Swiss:
		r.Load = 7
		if minor >= 25 { // tombstones are pruned
			r.Inflation = 2
		}
	case Old:
		r.Inflation = 1
		switch minor {
		case 0: // 6 or 6.5
		case 21: // bucketCnt*13/16 in whole numbers
			r.Load = 6
		default:
			r.Load = 6.5
		}
	}
	return r
}

// minorOf gives 24 for "go1.24.4", "1.24", "go1.24rc1", "go1.24-abcdef"; 0 for anything else.
func minorOf(version string) int {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(version, "go"), "1.")
	if !ok {
		return 0
	}
	digits := 0
	for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
		digits++
	}
	minor, err := strconv.Atoi(rest[:digits])
	if err != nil || minor > 999 {
		return 0
	}
	return minor
}

// hasExperiment looks in "X:noswissmap,synctest".
func hasExperiment(experiments, name string) bool {
	list, ok := strings.CutPrefix(strings.TrimSpace(experiments), "X:")
	for ok && list != "" {
		var one string
		one, list, _ = strings.Cut(list, ",")
		if one == name {
			return true
		}
	}
	return false
}
