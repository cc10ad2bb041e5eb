// Copyright The heapgate authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import "math"

// The ages of a process at which its climb is compared, in seconds. The last one is of the second day: what a process
// does later is its own history.
var ageEnds = [...]float64{1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 24 * 3600, 48 * 3600}

const (
	ageBuckets = len(ageEnds)
	// teaches is the age before which a process teaches nothing: a leak cannot be told from a warm-up before.
	teaches = 4 * 3600
	// processes at one age that are remembered.
	processes = 32
	// fewestProcesses make what is usual.
	fewestProcesses = 3
	// fewestSlopes of one process at one age are needed to count.
	fewestSlopes = 3
)

// ages are the slopes of the last processes of a workload at each age, in bytes per second.
type ages struct {
	slopes [ageBuckets][processes]float32
	heard  [ageBuckets]uint16 // processes so far, stays at or above `processes` once it got there
}

func (a *ages) clear() { *a = ages{} }

func (a *ages) add(bucket int, slope float64) {
	if math.IsNaN(slope) || math.Abs(slope) > largest {
		return
	}
	a.slopes[bucket][a.heard[bucket]%processes] = float32(slope)
	if a.heard[bucket]++; a.heard[bucket] == 2*processes {
		a.heard[bucket] = processes // the same place in the ring
	}
}

func bucketOf(age float64) int {
	for i, end := range ageEnds {
		if age < end {
			return i
		}
	}
	return ageBuckets - 1
}

// upper is the median and twice its robust standard deviation above.
func (a *ages) upper(bucket int) (upper float64, n int) {
	n = min(int(a.heard[bucket]), processes)
	if n < fewestProcesses {
		return 0, n
	}
	var v [processes]float64
	for i := range n {
		v[i] = float64(a.slopes[bucket][i])
	}
	middle := median(v[:n])
	return middle + 2*toSigma*mad(v[:n], middle), n
}

// Climb is the upper end of what is usual for the slope of the live heap at an age in seconds, in bytes per second, and of how
// many processes that is known; not known of fewer than three. In the first half of an age the age before counts too,
// whichever is steeper: a slope is of a window, which still looks back.
func (w *Workload) Climb(age float64) (upper float64, known bool, n int) {
	if math.IsNaN(age) || age < 0 {
		return 0, false, 0
	}
	bucket := bucketOf(age)
	upper, n = w.ages.upper(bucket)
	if n < fewestProcesses {
		return 0, false, n
	}
	if bucket > 0 && age < (ageEnds[bucket-1]+ageEnds[bucket])/2 {
		if before, m := w.ages.upper(bucket - 1); m >= fewestProcesses {
			upper = max(upper, before)
		}
	}
	return upper, true, n
}
