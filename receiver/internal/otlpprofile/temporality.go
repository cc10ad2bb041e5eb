// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package otlpprofile

// Temporality says what a value of an OTLP Profile counts. OTLP itself has no field for it any more, so it is written as
// the attribute heapgate.profile.temporality of each Profile.
type Temporality string

const (
	TemporalityDelta      Temporality = "delta"      // what happened from the Profile's time on, for its duration
	TemporalityCumulative Temporality = "cumulative" // what happened since the process began
	TemporalitySnapshot   Temporality = "snapshot"   // what was there at the Profile's time
)

// cumulativeTypes are the sample types of runtime/pprof that only grow.
var cumulativeTypes = map[string]bool{"alloc_objects": true, "alloc_space": true, "contentions": true, "delay": true}

// temporalityOf tells a sample type. A profile with a duration was taken over that time by the server: a CPU profile, or
// any other asked for with seconds=, which is a difference already, of inuse_space too. (Such a difference carries the time
// of its end, where a CPU profile has that of its beginning; it is written as it is read.)
func temporalityOf(sampleType string, durationNanos int64) Temporality {
	switch {
	case durationNanos > 0:
		return TemporalityDelta
	case cumulativeTypes[sampleType]:
		return TemporalityCumulative
	}
	return TemporalitySnapshot
}
