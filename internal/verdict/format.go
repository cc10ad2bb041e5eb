// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// scale is a unit as people read it.
type scale struct {
	from   float64 // the smallest value that uses it
	factor float64
	unit   string
}

// Sizes are binary as GOMEMLIMIT's are, rates decimal as network and disk rates are.
var scales = map[string][]scale{
	"1":    {{0, 0.01, "%"}},
	"By":   {{1 << 30, 1 << 30, "GiB"}, {1 << 20, 1 << 20, "MiB"}, {1 << 10, 1 << 10, "KiB"}, {0, 1, "B"}},
	"By/s": {{1e9, 1e9, "GB/s"}, {1e6, 1e6, "MB/s"}, {1e3, 1e3, "kB/s"}, {0, 1, "B/s"}},
	"s":    {{1, 1, "s"}, {1e-3, 1e-3, "ms"}, {0, 1e-6, "µs"}},
}

func scaleOf(value float64, unit string) scale {
	for _, s := range scales[unit] {
		if math.Abs(value) >= s.from {
			return s
		}
	}
	if strings.HasPrefix(unit, "{") { // UCUM annotations say what is counted, which the signal's name says already.
		unit = ""
	}
	return scale{0, 1, unit}
}

// Format writes a value of a UCUM unit for people: 1.9 MB/s, 97 %, 130 ms, 480 MiB.
func Format(value float64, unit string) string {
	s := scaleOf(value, unit)
	return join(decimal(value/s.factor, 0), s.unit)
}

// formatPair writes a value and its limit with as many digits as it takes to see that they differ.
func formatPair(value, limit float64, unit string) (string, string) {
	for extra := range 8 {
		a, b := scaleOf(value, unit), scaleOf(limit, unit)
		left, right := join(decimal(value/a.factor, extra), a.unit), join(decimal(limit/b.factor, extra), b.unit)
		if left != right || value == limit {
			return left, right
		}
	}
	return join(strconv.FormatFloat(value, 'g', -1, 64), unit), join(strconv.FormatFloat(limit, 'g', -1, 64), unit)
}

func join(number, unit string) string { return strings.TrimSpace(number + " " + unit) }

// decimal writes two significant digits, all digits before the point, and extra ones after it; no trailing zeros, no exponent.
func decimal(x float64, extra int) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	places := 0
	if size := math.Abs(x); size > 0 {
		places = max(0, 1-int(math.Floor(math.Log10(size))))
	}
	s := strconv.FormatFloat(x, 'f', min(places+extra, 12), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

func duration(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}
