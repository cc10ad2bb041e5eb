// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// merged puts the parts of one target, which differ in their start time only, below one resource and one scope.
func merged(metrics pmetric.Metrics) pmetric.Metrics {
	parts := metrics.ResourceMetrics()
	if parts.Len() < 2 {
		return metrics
	}
	into := scopeOf(parts).Metrics()
	first := true
	parts.RemoveIf(func(part pmetric.ResourceMetrics) bool {
		if first {
			first = false
			return false
		}
		for _, scope := range part.ScopeMetrics().All() {
			scope.Metrics().MoveAndAppendTo(into)
		}
		return true
	})
	return metrics
}

// scopeOf is the scope of the first resource; the builder always makes it.
func scopeOf(parts pmetric.ResourceMetricsSlice) pmetric.ScopeMetrics {
	return parts.At(0).ScopeMetrics().At(0)
}

// latest is the file of a target in which a cycle was heard last: after a rename or a restart, older ones stand still.
func latest(files []heardFile) (heardFile, bool) {
	if len(files) == 0 {
		return heardFile{}, false
	}
	best := files[0]
	for _, f := range files[1:] {
		if f.lastHeard.After(best.lastHeard) {
			best = f
		}
	}
	return best, true
}

func timestampOr(t time.Time, otherwise pcommon.Timestamp) pcommon.Timestamp {
	if t.IsZero() {
		return otherwise
	}
	return pcommon.NewTimestampFromTime(t)
}

func unixSeconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// clampInt64 keeps a goal that the runtime computed from GOGC=off ("no goal") inside OTLP's integers.
func clampInt64(n uint64) int64 {
	return int64(min(n, math.MaxInt64))
}
