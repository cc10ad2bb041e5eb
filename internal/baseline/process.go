// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"
	"time"
)

// Process is what is remembered of one process. The zero Process is a new one.
type Process struct {
	first   time.Time // since when it is heard
	age     float64   // seconds, when it was last known
	tainted bool      // it was flagged: it teaches no climb any more
	told    uint8     // a bit for each age whose slope was handed on
	sums    [ageBuckets]float32
	counts  [ageBuckets]uint16
	alarms  []Alarm
}

// older is by how much a process must be younger than before to be another one under the same name, in seconds.
const older = 60

// Heard tells that the process was heard at an age in seconds, NaN if not known, and gives the age to go by: that since
// it was first heard where none is known.
func (p *Process) Heard(now time.Time, age float64) float64 {
	known := age >= 0 && age <= largest
	if known && age < p.age-older {
		*p = Process{alarms: p.alarms}
	}
	if p.first.IsZero() || now.Before(p.first) {
		p.first = now
	}
	if known {
		p.age = age
		return age
	}
	return now.Sub(p.first).Seconds()
}

// Taint takes the process out of what is learned about climbs, for as long as it lives.
func (p *Process) Taint() { p.tainted = true }

// Slope adds the slope of its live heap at an age.
func (p *Process) Slope(age, slope float64) {
	if bucket := bucketOf(age); age < ageEnds[ageBuckets-1] && !math.IsNaN(slope) && math.Abs(slope) < 1e30 && p.counts[bucket] < math.MaxUint16 {
		p.sums[bucket] += float32(slope)
		p.counts[bucket]++
	}
}

// Teach hands the slopes of the ages that are over to the workload; true if there was one.
func (p *Process) Teach(w *Workload, age float64) (taught bool) {
	if p.tainted || age < teaches {
		return false
	}
	for i, end := range ageEnds {
		if age < end || p.told&(1<<i) != 0 {
			continue
		}
		p.told |= 1 << i
		if p.counts[i] >= fewestSlopes {
			w.ages.add(i, float64(p.sums[i])/float64(p.counts[i]))
			taught = true
		}
	}
	return taught
}

// Alarm is the i-th of n, which is the same in every call.
func (p *Process) Alarm(i, n int) *Alarm {
	if p.alarms == nil {
		p.alarms = make([]Alarm, n)
	}
	return &p.alarms[i]
}
