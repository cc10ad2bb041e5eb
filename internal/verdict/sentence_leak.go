// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"fmt"
	"strings"
)

func memoryShare(f Finding) string {
	value, limit := formatPair(*f.Value, *f.Limit, "1")
	return fmt.Sprintf("%s of the memory limit%s is in use; limit %s", value, of(f.Target), limit)
}

func leak(f Finding) string {
	return fmt.Sprintf("the live heap%s leaks and reaches its limit in %s at the earliest; limit %s", of(f.Target), hours(*f.Value), hours(*f.Limit))
}

func unknownLeak(f Finding) string {
	code := text(f.Facts, "reason")
	why, known := unknownBecause[code]
	if !known {
		why, known = undecidedBecause[code]
	}
	if !known {
		why = strings.ReplaceAll(code, "_", " ")
	}
	return fmt.Sprintf("whether the live heap%s leaks is unknown: %s", of(f.Target), why)
}

// hours writes a time that people plan by.
func hours(seconds float64) string {
	switch {
	case seconds >= 48*3600:
		return decimal(seconds/86400, 0) + " days"
	case seconds >= 3600:
		return decimal(seconds/3600, 0) + " h"
	}
	return decimal(seconds/60, 0) + " min"
}

// unknownBecause explains the reason codes of leaks.
var unknownBecause = map[string]string{
	"missing":            "nothing was measured for it",
	"too_short":          "the soak is too short",
	"no_limit":           "there is no memory limit to reach",
	"no_baseline_at_age": "it grows, but no pod of the baseline was seen at that age",
	"insufficient_data":  "too little data",
	"too_variable":       "it varies too much",
	"no_pods":            "there are no pods to look at",
	"malformed":          "the time to the limit is no time",
}
